import { setInterval } from "node:timers/promises";
import { JwtSource, withJwtSvid } from "../../sdk/index.ts";

const { URL: url = "http://127.0.0.1:8080/" } = process.env;
const tokens = await JwtSource.open({ audiences: ["orders"] });
const call = withJwtSvid(tokens, { audience: "orders" }, fetch);

for await (const _ of setInterval(500)) {
  const response = await call(url);
  console.log(await response.text());
}
