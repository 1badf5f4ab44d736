import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SpiffeError, SpiffeId, TrustDomain } from "../../../../spiffe/index.ts";
import { ServiceError } from "../../../../transport/index.ts";
import type { NameFacts, TemplateFacts } from "./fields.ts";
import { AgentPathTemplate } from "./path-template.ts";
import { PathTemplateError } from "./path-template-error.ts";

const names: NameFacts = {
  commonName: "Web-1.Example.org",
  serialNumber: "77",
  country: ["DE"],
  organization: ["Example"],
  organizationalUnit: ["east", "rack 7"],
  locality: [],
  province: [],
};
const facts: TemplateFacts = {
  trustDomain: "example.org",
  fingerprint: "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33",
  serialNumberHex: "0a1b",
  serialNumber: "2587",
  svidPathTrimmed: "hosts/h1",
  subject: names,
  issuer: { ...names, commonName: "CA/One" },
  dnsNames: ["a.example.org", "b.example.org"],
  ipAddresses: ["192.0.2.7"],
  uriSanSelectors: new Map([
    ["role", "db/primary"],
    ["host-name", "h7"],
  ]),
};

const render = (template: string, of: TemplateFacts = facts): string => AgentPathTemplate.parse(template).render(of);

describe("AgentPathTemplate", () => {
  it("gives the paths that SPIRE gives", () => {
    for (const [template, path] of [
      ["/{{ .PluginName }}/{{ .Fingerprint }}", "/x509pop/0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33"],
      ["/{{.PluginName}}/{{.SVIDPathTrimmed}}", "/x509pop/hosts/h1"],
      ["/x509pop/cn/{{ .Subject.CommonName }}", "/x509pop/cn/Web-1.Example.org"],
      ['/x509pop/{{ .Subject.CommonName | lower | replace "." "-" }}', "/x509pop/web-1-example-org"],
      ["/x509pop/{{ .TrustDomain }}/{{ .SerialNumberHex }}", "/x509pop/example.org/0a1b"],
      ["/x509pop/{{ .SerialNumber }}", "/x509pop/2587"],
      ["/x509pop/{{ .URISanSelectors.role }}", "/x509pop/db/primary"],
      ['/x509pop/{{ index .URISanSelectors "host-name" }}', "/x509pop/h7"],
      ["/x509pop/{{ first .DNSNames }}/{{ last .DNSNames }}", "/x509pop/a.example.org/b.example.org"],
      ["/x509pop/{{ index .DNSNames 1 | trimSuffix `.example.org` | upper }}", "/x509pop/B"],
      ['/x509pop/{{ join "_" .Subject.OrganizationalUnit | nospace }}', "/x509pop/east_rack7"],
      ['/x509pop/{{ replace "/" "-" .Issuer.CommonName }}', "/x509pop/CA-One"],
      ['/x509pop/{{ first (splitList "." .Subject.CommonName) }}', "/x509pop/Web-1"],
      ["/x509pop/{{ trunc 4 .Fingerprint }}{{ trunc -2 .Fingerprint }}", "/x509pop/0bee33"],
      ["/x509pop/{{ substr 1 3 .Fingerprint }}{{ substr 38 -1 .Fingerprint }}", "/x509pop/be33"],
      ["/x509pop/{{- /* the node */ -}}  {{ .SerialNumberHex -}} \n", "/x509pop/0a1b"],
      ["/x509pop/  {{- .SerialNumberHex }}", "/x509pop/0a1b"],
      ['/x509pop/{{ default "none" (join "" .Subject.Locality) }}{{ .SerialNumber }}', "/x509pop/none2587"],
      ['/x509pop/{{ trimAll "w1" (trimPrefix "W" .Subject.CommonName) }}', "/x509pop/eb-1.Example.org"],
      ["/x509pop/{{ sha1sum .SerialNumber }}", "/x509pop/efb8aadd37a1c8804f42644f81dd3c0b83c8fc3b"],
      ["/x509pop/{{ .IPAddresses | first }}{{ trim .Subject.SerialNumber }}", "/x509pop/192.0.2.777"],
    ] as const) {
      assert.equal(render(template), path, template);
    }
  });

  it("refuses at the start, with the place, whatever else Go's templates and SPIRE's functions can do", () => {
    for (const [template, problem] of [
      ["/cn/{{ .Subject.CommonName }}", "it must begin with /{{ .PluginName }}/ (at character 1)"],
      ["{{ .PluginName }}/{{ .Fingerprint }}", "it must begin with /{{ .PluginName }}/ (at character 1)"],
      ["/x509pop", "it must begin with /{{ .PluginName }}/ (at character 1)"],
      ["/x509pop{{ .Fingerprint }}", "it must begin with /{{ .PluginName }}/ (at character 1)"],
      ["/{{ lower .PluginName }}/{{ .Fingerprint }}", "it must begin with /{{ .PluginName }}/ (at character 1)"],
      ["", "it must begin with /{{ .PluginName }}/ (at character 1)"],
      ["/x509pop/all", "it says nothing of the certificate: all nodes would be one agent (at character 1)"],
      [
        "/x509pop/{{ upper .TrustDomain }}",
        "it says nothing of the certificate: all nodes would be one agent (at character 1)",
      ],
      ["/x509pop/{{ .Nothing }}", "unknown field .Nothing (at character 13)"],
      ["/x509pop/{{ .Fingerprint.x }}", "unknown field .Fingerprint.x (at character 13)"],
      ["/x509pop/{{ .DNSNames }}", "a list cannot be a part of a path (at character 13)"],
      ["/x509pop/{{ .URISanSelectors }}", "a map cannot be a part of a path (at character 13)"],
      ["/x509pop/{{ if .Fingerprint }}x{{ end }}", "unknown function if (at character 13)"],
      ['/x509pop/{{ env "HOME" }}', "unknown function env (at character 13)"],
      ["/x509pop/{{ lower }}", "lower takes a text (at character 13)"],
      ["/x509pop/{{ lower .DNSNames }}", "lower takes a text (at character 13)"],
      ["/x509pop/{{ index .DNSNames `a` }}", "index takes a list, a number or a map, a text (at character 13)"],
      [
        "/x509pop/{{ lower upper .Fingerprint }}",
        "a function among values needs parentheses: (upper …) (at character 19)",
      ],
      ["/x509pop/{{ .Fingerprint lower }}", "only a function can be given values (at character 13)"],
      ["/x509pop/{{ lower .Fingerprint | .Fingerprint }}", "only a function can be given values (at character 34)"],
      ["/x509pop/{{ (.Fingerprint }}", "a parenthesis is not closed (at character 13)"],
      ["/x509pop/{{ .Fingerprint ) }}", "unexpected ) (at character 26)"],
      ["/x509pop/{{ }}", "a value is missing (at character 10)"],
      ["/x509pop/{{ .Fingerprint", "an action is not closed with }} (at character 12)"],
      ["/x509pop/{{ $x := 1 }}", '"$" is not supported here (at character 13)'],
      ["/x509pop/{{ . }}", '"." is not supported here (at character 13)'],
      [`/x509pop/{{ ${"(".repeat(40)} }}`, "parentheses are nested too deeply (at character 29)"],
    ] as const) {
      assert.throws(
        () => AgentPathTemplate.parse(template),
        new PathTemplateError(problem.replace(/ \(at .*/, ""), Number(/(\d+)\)$/.exec(problem)?.[1]) - 1),
        template,
      );
    }
  });

  it("refuses a certificate that it has no value for, or whose names would make segments of their own", () => {
    for (const template of [
      "/x509pop/{{ .URISanSelectors.nothing }}",
      "/x509pop/{{ index .DNSNames 2 }}",
      "/x509pop/{{ first .Subject.Locality }}",
      "/x509pop/{{ .Issuer.CommonName }}",
      "/x509pop/{{ .Issuer.CommonName | lower }}",
    ]) {
      assert.throws(() => render(template), { code: "ERR_X509POP_PATH" }, template);
    }
  });

  it("never throws anything but its own error for a template, and stays below its prefix", () => {
    const word = fc.constantFrom(
      ..."{{ }} {{- -}} .PluginName .Fingerprint .Subject.CommonName .DNSNames lower index first | ( ) 1 `a` / . x".split(
        " ",
      ),
      "/x509pop/",
      '"..//"',
    );
    const domain = TrustDomain.parse("example.org");
    fc.assert(
      fc.property(fc.array(word, { maxLength: 14 }), fc.string(), (words, commonName) => {
        const text = `/{{ .PluginName }}/${words.join(" ")}`;
        let template: AgentPathTemplate;
        try {
          template = AgentPathTemplate.parse(text);
        } catch (error) {
          assert.ok(error instanceof PathTemplateError, String(error));
          return;
        }
        let path: string;
        try {
          path = template.render({ ...facts, subject: { ...names, commonName } });
        } catch (error) {
          assert.ok(error instanceof ServiceError && error.code === "ERR_X509POP_PATH", String(error));
          return;
        }
        assert.ok(path.startsWith("/x509pop/"), path);
        try {
          SpiffeId.of(domain, `/spire/agent${path}`);
        } catch (error) {
          assert.ok(error instanceof SpiffeError, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
