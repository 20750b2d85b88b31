import {
  type DefinitionNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  parse,
  print,
  type StringValueNode,
} from "graphql";
import { MetadataError } from "./errors.ts";

const sdlFile = "actions.graphql";

type JsonMap = Record<string, unknown>;

const described = (node: { readonly description?: StringValueNode | undefined }): JsonMap =>
  node.description === undefined ? {} : { description: node.description.value };

const typedField = (node: FieldDefinitionNode | InputValueDefinitionNode): JsonMap => {
  if (node.kind === Kind.INPUT_VALUE_DEFINITION && node.defaultValue !== undefined) {
    throw new MetadataError({
      file: sdlFile,
      path: node.name.value,
      key: node.name.value,
      reason: "default values are not supported in action types",
    });
  }
  return { name: node.name.value, type: print(node.type), ...described(node) };
};

interface Signature {
  readonly operation: "query" | "mutation";
  readonly field: FieldDefinitionNode;
}

interface Definitions {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly objects: readonly JsonMap[];
  readonly inputObjects: readonly JsonMap[];
  readonly enums: readonly JsonMap[];
  readonly scalars: readonly JsonMap[];
}

const operationOf = (typeName: string): Signature["operation"] | undefined =>
  typeName === "Query" ? "query" : typeName === "Mutation" ? "mutation" : undefined;

const refuse = (definition: DefinitionNode): never => {
  throw new MetadataError({
    file: sdlFile,
    path: "name" in definition ? (definition.name?.value ?? "") : "",
    key: definition.kind,
    reason: "only types, inputs, enums and scalars are supported in action definitions",
  });
};

const readDefinitions = (sdl: string): Definitions => {
  const signatures = new Map<string, Signature>();
  const objects: JsonMap[] = [];
  const inputObjects: JsonMap[] = [];
  const enums: JsonMap[] = [];
  const scalars: JsonMap[] = [];
  const definitions = sdl.trim() === "" ? [] : parse(sdl, { noLocation: true }).definitions;
  for (const definition of definitions) {
    switch (definition.kind) {
      case Kind.OBJECT_TYPE_DEFINITION:
      case Kind.OBJECT_TYPE_EXTENSION: {
        const operation = operationOf(definition.name.value);
        if (operation !== undefined) {
          for (const field of definition.fields ?? []) {
            signatures.set(field.name.value, { operation, field });
          }
        } else if (definition.kind === Kind.OBJECT_TYPE_DEFINITION) {
          objects.push({
            name: definition.name.value,
            ...described(definition),
            fields: (definition.fields ?? []).map(typedField),
          });
        } else {
          refuse(definition);
        }
        break;
      }
      case Kind.INPUT_OBJECT_TYPE_DEFINITION:
        inputObjects.push({
          name: definition.name.value,
          ...described(definition),
          fields: (definition.fields ?? []).map(typedField),
        });
        break;
      case Kind.ENUM_TYPE_DEFINITION:
        enums.push({
          name: definition.name.value,
          ...described(definition),
          values: (definition.values ?? []).map((value) => ({
            value: value.name.value,
            ...described(value),
          })),
        });
        break;
      case Kind.SCALAR_TYPE_DEFINITION:
        scalars.push({ name: definition.name.value, ...described(definition) });
        break;
      default:
        refuse(definition);
    }
  }
  return { signatures, objects, inputObjects, enums, scalars };
};

const isMap = (value: unknown): value is JsonMap =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const listOf = (value: unknown): readonly JsonMap[] => (Array.isArray(value) ? value.filter(isMap) : []);

/** Types of the SDL with what the YAML adds to the one of the same name. */
const mergeTypes = (kind: string, fromSdl: readonly JsonMap[], fromYaml: unknown): readonly JsonMap[] => {
  const yaml = new Map(listOf(fromYaml).map((entry) => [entry["name"], entry]));
  const known = new Set(fromSdl.map((type) => type["name"]));
  for (const name of yaml.keys()) {
    if (!known.has(name)) {
      throw new MetadataError({
        file: "actions.yaml",
        path: `custom_types.${kind}`,
        key: String(name),
        reason: `type "${String(name)}" is not defined in ${sdlFile}`,
      });
    }
  }
  return fromSdl.map((type) => ({ ...yaml.get(type["name"]), ...type }));
};

/** Joins `actions.yaml` with the signatures and types of `actions.graphql` into replace_metadata's form. */
export const joinActions = (yaml: unknown, sdl: string): { actions: unknown; custom_types: unknown } => {
  let definitions: Definitions;
  try {
    definitions = readDefinitions(sdl);
  } catch (error) {
    if (error instanceof MetadataError) {
      throw error;
    }
    const reason = error instanceof Error ? error.message : "not a valid GraphQL document";
    throw new MetadataError({ file: sdlFile, path: "", key: "", reason });
  }
  const document = isMap(yaml) ? yaml : {};
  const unknownKey = Object.keys(document).find((key) => key !== "actions" && key !== "custom_types");
  if (unknownKey !== undefined) {
    throw new MetadataError({
      file: "actions.yaml",
      path: unknownKey,
      key: unknownKey,
      reason: "unknown key",
    });
  }
  const actions = listOf(document["actions"]).map((action, index) => {
    const name = String(action["name"]);
    const signature = definitions.signatures.get(name);
    if (signature === undefined) {
      throw new MetadataError({
        file: "actions.yaml",
        path: `actions[${String(index)}]`,
        key: name,
        reason: `action "${name}" is not defined in ${sdlFile}`,
      });
    }
    const definition = isMap(action["definition"]) ? action["definition"] : {};
    const description = signature.field.description?.value;
    return {
      ...(description === undefined ? {} : { comment: description }),
      ...action,
      definition: {
        ...definition,
        type: signature.operation,
        arguments: (signature.field.arguments ?? []).map(typedField),
        output_type: print(signature.field.type),
      },
    };
  });
  const named = new Set(actions.map((action) => String((action as JsonMap)["name"])));
  for (const name of definitions.signatures.keys()) {
    if (!named.has(name)) {
      throw new MetadataError({
        file: sdlFile,
        path: name,
        key: name,
        reason: `action "${name}" is not defined in actions.yaml`,
      });
    }
  }
  const types = isMap(document["custom_types"]) ? document["custom_types"] : {};
  const { enums, input_objects: inputs, objects, scalars, ...rest } = types;
  return {
    actions,
    custom_types: {
      ...rest,
      enums: mergeTypes("enums", definitions.enums, enums),
      input_objects: mergeTypes("input_objects", definitions.inputObjects, inputs),
      objects: mergeTypes("objects", definitions.objects, objects),
      scalars: mergeTypes("scalars", definitions.scalars, scalars),
    },
  };
};
