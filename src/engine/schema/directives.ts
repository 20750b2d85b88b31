import {
  DirectiveLocation,
  GraphQLBoolean,
  GraphQLDirective,
  type GraphQLFieldConfigArgumentMap,
  GraphQLInt,
  GraphQLNonNull,
} from "graphql";

const onSelections = [
  DirectiveLocation.FIELD,
  DirectiveLocation.FRAGMENT_SPREAD,
  DirectiveLocation.INLINE_FRAGMENT,
];
const condition: GraphQLFieldConfigArgumentMap = { if: { type: new GraphQLNonNull(GraphQLBoolean) } };

/** What Hasura tells of directives: these three, in its words. `@cached` is read and has no effect in either. */
export const directives: readonly GraphQLDirective[] = [
  new GraphQLDirective({
    name: "include",
    description: "whether this query should be included",
    locations: onSelections,
    args: condition,
  }),
  new GraphQLDirective({
    name: "skip",
    description: "whether this query should be skipped",
    locations: onSelections,
    args: condition,
  }),
  new GraphQLDirective({
    name: "cached",
    description: "whether this query should be cached (Hasura Cloud only)",
    locations: [DirectiveLocation.QUERY],
    args: {
      ttl: { type: new GraphQLNonNull(GraphQLInt), description: "measured in seconds", defaultValue: 60 },
      refresh: {
        type: new GraphQLNonNull(GraphQLBoolean),
        description: "refresh the cache entry",
        defaultValue: false,
      },
    },
  }),
];
