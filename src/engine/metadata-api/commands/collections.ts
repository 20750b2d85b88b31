import { z } from "zod";

import { collectedQuery, graphqlDocument } from "../../metadata/shape.ts";
import { json, optionalText, readArguments, refuse } from "../arguments.ts";
import type { ChangeCommand, ChangeCommands } from "../command.ts";
import { defined, type Draft, type Entry, entriesOf, isEntry, listAt, named, removeAt } from "../document.ts";
import { objectNames } from "../lookup.ts";

const createOptions = z.strictObject({
  name: z.string().min(1),
  definition: z.strictObject({ queries: z.array(collectedQuery) }),
  comment: optionalText,
});

const collectionAt = (draft: Draft, name: string): Entry =>
  entriesOf(draft["query_collections"]).find(named(name)) ??
  refuse("not-exists", `query collection with name "${name}" does not exist`);

const queriesOf = (collection: Entry): Entry[] => {
  const definition = isEntry(collection["definition"]) ? collection["definition"] : {};
  collection["definition"] = definition;
  return listAt(definition, "queries");
};

const create: ChangeCommand = (draft, args) => {
  const options = readArguments(createOptions, args);
  const collections = listAt(draft, "query_collections");
  if (collections.some(named(options.name))) {
    refuse("already-exists", `query collection with name "${options.name}" already exists`);
  }
  collections.push(defined(options));
  return {};
};

const renameOptions = z.strictObject({ name: z.string(), new_name: z.string().min(1) });

const rename: ChangeCommand = (draft, args) => {
  const options = readArguments(renameOptions, args);
  const collection = collectionAt(draft, options.name);
  if (entriesOf(draft["query_collections"]).some(named(options.new_name))) {
    refuse("already-exists", `query collection with name "${options.new_name}" already exists`);
  }
  collection["name"] = options.new_name;
  for (const entry of entriesOf(draft["allowlist"])) {
    if (entry["collection"] === options.name) entry["collection"] = options.new_name;
  }
  for (const endpoint of entriesOf(draft["rest_endpoints"])) {
    const target = endpointQuery(endpoint);
    if (target["collection_name"] === options.name) target["collection_name"] = options.new_name;
  }
  return {};
};

const endpointQuery = (endpoint: Entry): Entry => {
  const definition = isEntry(endpoint["definition"]) ? endpoint["definition"] : {};
  return isEntry(definition["query"]) ? definition["query"] : {};
};

const dropOptions = z.strictObject({ collection: z.string(), cascade: z.boolean().default(false) });

const drop: ChangeCommand = (draft, args) => {
  const options = readArguments(dropOptions, args);
  collectionAt(draft, options.collection);
  const allowed = (entry: Entry): boolean => entry["collection"] === options.collection;
  if (entriesOf(draft["allowlist"]).some(allowed)) {
    if (!options.cascade) {
      refuse(
        "dependency-error",
        `query collection with name "${options.collection}" is present in the allowlist; cannot proceed to drop. please use cascade to confirm`,
      );
    }
    removeAt(draft, "allowlist", allowed);
  }
  removeAt(draft, "query_collections", named(options.collection));
  return {};
};

const addQueryOptions = z.strictObject({
  collection_name: z.string(),
  query_name: z.string().min(1),
  query: graphqlDocument,
});

const addQuery: ChangeCommand = (draft, args) => {
  const options = readArguments(addQueryOptions, args);
  const queries = queriesOf(collectionAt(draft, options.collection_name));
  if (queries.some(named(options.query_name))) {
    refuse(
      "already-exists",
      `query with name "${options.query_name}" already exists in collection "${options.collection_name}"`,
    );
  }
  queries.push({ name: options.query_name, query: options.query });
  return { object: objectNames.collectionQuery(options.query_name, options.collection_name) };
};

const dropQueryOptions = z.strictObject({ collection_name: z.string(), query_name: z.string() });

const dropQuery: ChangeCommand = (draft, args) => {
  const options = readArguments(dropQueryOptions, args);
  const queries = queriesOf(collectionAt(draft, options.collection_name));
  const index = queries.findIndex(named(options.query_name));
  if (index < 0) {
    refuse(
      "not-found",
      `query with name "${options.query_name}" not found in collection "${options.collection_name}"`,
    );
  }
  queries.splice(index, 1);
  return {};
};

const allowOptions = z.strictObject({ collection: z.string(), scope: json });

const allow: ChangeCommand = (draft, args) => {
  const options = readArguments(allowOptions, args);
  collectionAt(draft, options.collection);
  const list = listAt(draft, "allowlist");
  if (list.some((entry) => entry["collection"] === options.collection)) {
    return { answer: { message: `collection "${options.collection}" already exists in the allowlist` } };
  }
  list.push(defined({ collection: options.collection, scope: options.scope }));
  return {};
};

const disallow: ChangeCommand = (draft, args) => {
  const { collection } = readArguments(z.strictObject({ collection: z.string() }), args);
  if (removeAt(draft, "allowlist", (entry) => entry["collection"] === collection) === undefined) {
    refuse("not-found", `collection "${collection}" doesn't exist in the allowlist`);
  }
  return {};
};

const updateScope: ChangeCommand = (draft, args) => {
  const options = readArguments(allowOptions, args);
  const entry =
    entriesOf(draft["allowlist"]).find((item) => item["collection"] === options.collection) ??
    refuse("not-found", `collection "${options.collection}" doesn't exist in the allowlist`);
  entry["scope"] = options.scope;
  return {};
};

const endpointOptions = z.strictObject({
  name: z.string().min(1),
  url: z.string().min(1),
  methods: z.array(z.string()).min(1),
  definition: z.strictObject({
    query: z.strictObject({ collection_name: z.string(), query_name: z.string() }),
  }),
  comment: optionalText,
});

const createEndpoint: ChangeCommand = (draft, args) => {
  const options = readArguments(endpointOptions, args);
  const endpoints = listAt(draft, "rest_endpoints");
  if (endpoints.some(named(options.name))) {
    refuse("already-exists", `An endpoint with name: "${options.name}" already exists`);
  }
  endpoints.push(defined(options));
  return { object: objectNames.endpoint(options.name) };
};

const dropEndpoint: ChangeCommand = (draft, args) => {
  const { name } = readArguments(z.strictObject({ name: z.string() }), args);
  if (removeAt(draft, "rest_endpoints", named(name)) === undefined) {
    refuse("not-exists", `endpoint with name: "${name}" does not exist`);
  }
  return {};
};

export const collectionCommands: ChangeCommands = {
  create_query_collection: create,
  rename_query_collection: rename,
  drop_query_collection: drop,
  add_query_to_collection: addQuery,
  drop_query_from_collection: dropQuery,
  add_collection_to_allowlist: allow,
  drop_collection_from_allowlist: disallow,
  update_scope_of_collection_in_allowlist: updateScope,
  create_rest_endpoint: createEndpoint,
  drop_rest_endpoint: dropEndpoint,
};
