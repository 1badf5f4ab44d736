import * as tls from "node:tls";
import { encodePem } from "../../certs/index.ts";
import { TestCa } from "./test-ca.ts";

/** A CA that this whole process trusts by default, as it does those of the web: any passer-by has a certificate of it. */
export async function createPublicCa(name: string): Promise<TestCa> {
  const publicCa = await TestCa.create(name);
  // Node 20 cannot; there it is one more root that nobody knows.
  if ("setDefaultCACertificates" in tls) {
    tls.setDefaultCACertificates([encodePem("CERTIFICATE", publicCa.certificate.der)]);
  }
  return publicCa;
}
