/** JSON without loss: numbers keep the digits they were written with. */
export { isRawList, isRawObject, NumberLiteral, numberText, type Raw, rawToJson } from "../sql/raw.ts";
export { parseJson } from "./parse-json.ts";
