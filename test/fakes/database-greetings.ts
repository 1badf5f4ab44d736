import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";

/** Protocol 10, as of MySQL 8. */
export function mysqlGreeting(hasTls: boolean, plugin = "mysql_native_password"): Buffer {
  const flags = hasTls ? 0x81ff_ffff : 0x81ff_f7ff;
  const lower = flags & 0xffff;
  const upper = (flags >>> 16) & 0xffff;
  const payload = Buffer.concat([
    Buffer.from("\x0a8.0.0\0\x01\0\0\0abcdefgh\0", "latin1"),
    Buffer.from([lower & 255, lower >> 8, 45, 2, 0, upper & 255, upper >> 8, 21]),
    Buffer.from(`${"\0".repeat(10)}ijklmnopqrst\0${plugin}\0`, "latin1"),
  ]);
  return Buffer.concat([Buffer.from([payload.length, 0, 0, 0]), payload]);
}

export async function readBytes(socket: Socket, bytes: number): Promise<Buffer> {
  let chunk: Buffer | null = socket.read(bytes);
  while (chunk === null) {
    await once(socket, "readable");
    chunk = socket.read(bytes);
  }
  return chunk;
}

/** PostgreSQL's side of SSLRequest. */
export async function answerSslRequest(socket: Socket, answer: string): Promise<void> {
  assert.equal((await readBytes(socket, 8)).toString("hex"), "0000000804d2162f");
  socket.write(answer);
}
