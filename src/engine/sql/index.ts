/** Writing SQL safely: identifiers, parameters, operators and the text form of values. */
export { type Param, SqlBuilder, type Statement, type Variables } from "./builder.ts";
export { combinedColumn, combineStatements } from "./combine.ts";
export { castOf, canonical, columnOperatorOf, isListShape, operandType, operatorOf } from "./operators.ts";
export { ident, listTypeOf, literal, qualified, typeOf } from "./quote.ts";
export { isRawList, isRawObject, NumberLiteral, type Raw, rawToJson } from "./raw.ts";
export { arrayLiteral, columnText } from "./values.ts";
