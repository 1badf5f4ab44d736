// Plain JavaScript on purpose: it must parse on any Node that npm can run under, to say one clear line.
export function requireNode24(program) {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 24 || (major === 24 && minor >= 0)) return;
  process.stderr.write(
    `${program} needs Node 24 or newer, this is ${process.version}. Run it through npm (npm run …, npx …): ` +
      "npm ci puts a Node 24 into node_modules/.bin.\n",
  );
  process.exit(1);
}
