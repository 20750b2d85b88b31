import { createHmac } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { Webhook } from "standardwebhooks";
import {
  type AlertOfEmail,
  composeEmail,
  isPublicAddress,
  newSecret,
  readRetryAfter,
  refuseUrl,
  retryDelay,
  retryDelaysMs,
  signedHeaders,
} from "../../../actions/delivery/index.ts";
import { readActionsEnv } from "../../../actions/env.ts";

describe("an address", () => {
  it.each([
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "::ffff:0:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "100::1",
    "no address",
    "",
  ])("%s is not public", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])(
    "%s is public",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

describe("a url", () => {
  const strict = { allowPrivate: false, allowHttp: false };

  it.each([
    ["https://example.com/hook", null],
    ["https://example.com:8443/hook?x=1", null],
    ["https://[2606:4700:4700::1111]/", null],
    ["http://example.com/", "insecure-url"],
    ["ftp://example.com/", "malformed-url"],
    ["file:///etc/passwd", "malformed-url"],
    ["javascript:alert(1)", "malformed-url"],
    ["example.com", "malformed-url"],
    ["", "malformed-url"],
    ["https://user:password@example.com/", "malformed-url"],
    [`https://example.com/${"x".repeat(2048)}`, "malformed-url"],
    ["https://127.0.0.1/", "address-not-allowed"],
    ["https://127.1/", "address-not-allowed"],
    ["https://2130706433/", "address-not-allowed"],
    ["https://0x7f000001/", "address-not-allowed"],
    ["https://0177.0.0.1/", "address-not-allowed"],
    ["https://①②⑦.0.0.1/", "address-not-allowed"],
    ["https://[::1]/", "address-not-allowed"],
    ["https://[::ffff:127.0.0.1]/", "address-not-allowed"],
    ["https://[0:0:0:0:0:ffff:7f00:1]/", "address-not-allowed"],
    ["https://169.254.169.254/latest/meta-data", "address-not-allowed"],
  ])("%s is answered with %s", (url, refusal) => {
    expect(refuseUrl(url, strict)).toBe(refusal);
  });

  it("may be private or plain only where a setting says so", () => {
    expect(refuseUrl("https://127.0.0.1/", { allowPrivate: true, allowHttp: false })).toBeNull();
    expect(refuseUrl("http://127.0.0.1/", { allowPrivate: true, allowHttp: false })).toBe("insecure-url");
    expect(refuseUrl("http://127.0.0.1/", { allowPrivate: true, allowHttp: true })).toBeNull();
    const required = { DATABASE_URL: "postgres://localhost/x", ACTION_SECRET: "0123456789abcdef" };
    expect(readActionsEnv({ ...required, SMTP_URL: "" })).toMatchObject({
      WEBHOOK_ALLOW_PRIVATE: false,
      WEBHOOK_ALLOW_HTTP: false,
    });
    expect(() => readActionsEnv({ ...required, SMTP_URL: "http://mail" })).toThrow("SMTP_URL");
  });
});

describe("a signature", () => {
  const body = '{"type":"alert.crossed"}';
  const at = new Date("2026-05-05T10:00:00.900Z");

  it("is HMAC-SHA256 over id, timestamp and body, as Standard Webhooks has it", () => {
    const secret = newSecret();
    const headers = signedHeaders("event", at, body, [secret]);
    expect(headers["webhook-timestamp"]).toBe("1777975200");
    const expected = createHmac("sha256", Buffer.from(secret.slice("whsec_".length), "base64"))
      .update(`event.1777975200.${body}`)
      .digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${expected}`);
  });

  it("verifies with either secret while one is replaced, and with no other", () => {
    const secrets = [newSecret(), newSecret()] as const;
    const headers = signedHeaders("event", new Date(), body, secrets);
    for (const secret of secrets)
      expect(new Webhook(secret).verify(body, headers)).toEqual({ type: "alert.crossed" });
    expect(() => new Webhook(newSecret()).verify(body, headers)).toThrow("No matching signature");
    expect(() => new Webhook(secrets[0]).verify(`${body} `, headers)).toThrow("No matching signature");
  });
});

describe("a retry", () => {
  it("waits as the schedule says, give or take a fifth, ten attempts in all", () => {
    for (const [index, scheduled] of retryDelaysMs.entries()) {
      expect(retryDelay(index + 1, undefined, () => 0)).toBe(scheduled * 0.8);
      expect(retryDelay(index + 1, undefined, () => 0.5)).toBe(scheduled);
      expect(retryDelay(index + 1, undefined, () => 1)).toBe(scheduled * 1.2);
    }
    expect(retryDelaysMs).toHaveLength(9);
    expect(retryDelay(10, undefined, () => 0.5)).toBeNull();
  });

  it("waits as long as it was asked to, up to a day, and never less than scheduled", () => {
    expect(retryDelay(1, 60_000, () => 0.5)).toBe(60_000);
    expect(retryDelay(1, 1, () => 0.5)).toBe(5_000);
    expect(retryDelay(1, 1e12, () => 0.5)).toBe(86_400_000);
  });

  it("reads both forms of Retry-After and nothing else", () => {
    const now = new Date("2026-01-01T00:00:00Z");
    expect(readRetryAfter("120", now)).toBe(120_000);
    expect(readRetryAfter("Thu, 01 Jan 2026 00:00:30 GMT", now)).toBe(30_000);
    expect(readRetryAfter("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(0);
    for (const header of ["soon", "", "-5x", undefined]) expect(readRetryAfter(header, now)).toBeUndefined();
  });
});

describe("an e-mail", () => {
  const alert: AlertOfEmail = {
    kind: "crossed",
    workspaceName: 'Acme <script>alert("x")</script>\r\nBcc: everybody@example.com',
    metricTitle: "Storage",
    unit: "bytes",
    thresholdPercent: 90,
    thresholdValue: null,
    used: "4831838208",
    limit: "5368709120",
    at: new Date("2026-05-05T10:00:00Z"),
  };

  it("is escaped, keeps to one line what is one line, and has readable amounts", () => {
    const { subject, text, html } = composeEmail(alert);
    expect(subject).not.toMatch(/[\r\n]/u);
    expect(subject).toContain("Storage has reached 90 percent of its limit");
    expect(html).not.toContain("<script");
    expect(html).toContain("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;");
    expect(text).toContain("Used: 4.5 GB\nLimit: 5 GB");
  });

  it("tells a recovery, an amount and an unlimited metric", () => {
    const { subject, text } = composeEmail({
      ...alert,
      workspaceName: "Acme",
      kind: "recovered",
      thresholdPercent: null,
      thresholdValue: "1073741824",
      limit: null,
    });
    expect(subject).toBe("Acme: Storage is below 1 GB again");
    expect(text).toContain("Limit: Unlimited");
  });
});
