import { isMap, isScalar, isSeq, parseDocument, Scalar, visit, type YAMLMap, type YAMLSeq } from "yaml";
import {
  defaultSessionNames,
  type ProductRole,
  productRoles,
  type SessionNameSettings,
} from "../../core/index.ts";
import type { Fault } from "./fault.ts";

/** Every name that the application has for a role of the product: itself where none is mapped. */
export const namesOfRole = ({ roles }: SessionNameSettings, role: ProductRole): readonly string[] => {
  const mapped = new Set(roles.filter(({ ours }) => ours === role).map(({ theirs }) => theirs));
  return mapped.size === 0 ? [role] : [...mapped];
};

const titleCase = (claim: string): string =>
  claim.replace(/(^|-)([a-z])/gu, (letters) => letters.toUpperCase());

/** Session variables in filters, checks, presets and templates, in the case in which each is written. */
const mapClaims = (text: string, { userClaim, tenantClaim }: SessionNameSettings): string => {
  const names = new Map([
    [defaultSessionNames.userClaim, userClaim],
    [defaultSessionNames.tenantClaim, tenantClaim],
  ]);
  const claims = new RegExp(`(?:${[...names.keys()].join("|")})(?![a-z0-9_-])`, "giu");
  return text.replace(claims, (written) => {
    const from = written.toLowerCase();
    const to = names.get(from) ?? from;
    if (to === from) return written;
    return written === from ? to : titleCase(to);
  });
};

const roleOf = (node: unknown): Scalar<string> | undefined => {
  const role = isMap(node) ? node.get("role", true) : undefined;
  return isScalar(role) && typeof role.value === "string" ? (role as Scalar<string>) : undefined;
};

const rolesOf = (name: string, names: SessionNameSettings): readonly string[] => {
  const role = productRoles.find((one) => one === name);
  return role === undefined ? [name] : namesOfRole(names, role);
};

/** One permission becomes one for each role of the application. */
const mapPermissions = (seq: YAMLSeq, names: SessionNameSettings): void => {
  seq.items = seq.items.flatMap((item) => {
    const role = roleOf(item);
    if (role === undefined) return [item];
    return rolesOf(role.value, names).map((name) => {
      const copy = (item as YAMLMap).clone() as YAMLMap;
      copy.set("role", name);
      return copy;
    });
  });
};

const mapRoles = (text: string, names: SessionNameSettings): string => {
  const document = parseDocument(text);
  visit(document, {
    Pair: (_key, { key, value }) => {
      const name = isScalar(key) ? String(key.value) : "";
      if (name.endsWith("permissions") && isSeq(value)) mapPermissions(value, names);
      if (name === "role_name" && isScalar(value)) value.value = rolesOf(String(value.value), names)[0];
      if (name === "role_set" && isSeq(value))
        value.items = value.items.flatMap((item) =>
          isScalar(item) ? rolesOf(String(item.value), names).map((role) => new Scalar(role)) : [item],
        );
    },
  });
  return document.toString({ lineWidth: 0 });
};

/** A metadata file of the product in the application's names; without any the text stays as it is. */
export const mapMetadata = (text: string, names: SessionNameSettings): string => {
  const claimed = mapClaims(text, names);
  return names.roles.every(({ theirs, ours }) => theirs === ours) ? claimed : mapRoles(claimed, names);
};

/** Roles that stand for two things at once. */
export const checkMapping = (names: SessionNameSettings): readonly Fault[] => {
  const meanings = new Map<string, Set<string>>();
  for (const role of productRoles) {
    for (const name of namesOfRole(names, role)) {
      meanings.set(name, (meanings.get(name) ?? new Set()).add(role));
    }
  }
  return [...meanings]
    .filter(([, roles]) => roles.size > 1)
    .map(([name, roles]) => ({
      code: "invalid-option" as const,
      message: `the role ${name} would stand for ${[...roles].join(" and ")} at once`,
      advice: `give each of them a role of its own with --role <your role>=${[...roles].at(-1) ?? ""}`,
    }));
};
