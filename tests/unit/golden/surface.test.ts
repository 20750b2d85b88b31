import { describe, expect, it } from "@jest/globals";
import { buildSchema } from "graphql";

import { renderSurface } from "../../golden/surface.ts";

const reader = buildSchema(`
  type Query { books(limit: Int = 10): [Book!]! }
  type Subscription { books(limit: Int = 10): [Book!]! }
  type Book { id: Int! }
`);
const admin = buildSchema(`
  type Query { books(limit: Int = 10, where: Filter): [Book!]! }
  type Mutation { addBook(id: Int!): Receipt }
  type Book { id: Int! }
  type Receipt { id: Int!, at: String }
  input Filter { id: Int }
`);

describe("renderSurface", () => {
  const surface = renderSurface({
    schemas: new Map([
      ["admin", admin],
      ["author", admin],
      ["reader", reader],
    ]),
    types: ["Receipt"],
  });

  it("gives each role a letter and puts admin last", () => {
    expect(surface).toContain("# a author, r reader, A admin\n");
  });

  it("marks who may query and who may subscribe, and keeps other arguments apart", () => {
    expect(surface).toContain(".r. .r. books(limit: Int = 10): [Book!]!\n");
    expect(surface).toContain("a.A ... books(limit: Int = 10, where: Filter): [Book!]!\n");
  });

  it("marks who may mutate and which types that answers", () => {
    expect(surface).toContain("a.A addBook(id: Int!): Receipt\n");
    expect(surface).toContain("a.A type Receipt { at: String, id: Int! }\n");
  });
});
