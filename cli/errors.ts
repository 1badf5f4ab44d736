/** Codes of what the command line itself finds; other codes come from the server, the agent or the SDK. */
export type CliErrorCode =
  | "ERR_USAGE"
  | "ERR_BUNDLE_FILE"
  | "ERR_ENTRY_FILE"
  | "ERR_INPUT_TOO_LARGE"
  | "ERR_NO_AGENT"
  | "ERR_FEDERATION_FILE"
  | "ERR_CONFIG"
  | "ERR_NO_ANSWER"
  | "ERR_SERVER_NOT_VERIFIED"
  | "ERR_NO_SUCH_IDENTITY"
  | "ERR_NOT_CONFIRMED"
  | "ERR_CHANGED_MEANWHILE"
  | "ERR_OTHER_DAEMON"
  | "ERR_OTHER_TRUST_DOMAIN"
  | "ERR_MIRROR_STATE"
  | "ERR_DEV_NOT_STARTED"
  | "ERR_DEV_PROGRAM"
  | "ERR_CERT_DIR"
  | "ERR_CERT_DIR_UNSAFE";

/** Code → meaning and fix, for docs/errors.md. */
export const cliErrorSpecs: Readonly<Record<CliErrorCode, { readonly meaning: string; readonly fix: string }>> = {
  ERR_DEV_NOT_STARTED: {
    meaning: "What countersign dev starts in the background ended before it served; the end of its log is shown.",
    fix: "run countersign dev without --env to see it start",
  },
  ERR_DEV_PROGRAM: {
    meaning: "The program that countersign dev is to run cannot be run; the exit code is 127 or 126, as of a shell.",
    fix: "check its name, PATH and whether it may be executed; its own words follow --, as in: countersign dev -- node app.ts",
  },
  ERR_CERT_DIR: {
    meaning: "The folder for files cannot be made or opened; the message has the system's reason.",
    fix: "give --dir (cert_dir) a folder that this user may make, or may open and write to",
  },
  ERR_CERT_DIR_UNSAFE: {
    meaning:
      "The folder for files, or one below it, may have been made by somebody else, or is a link of theirs, or is below a folder of theirs: they could take or exchange keys and certificates.",
    fix: "give write-files a folder that its own user or root made, below folders of theirs; docs/files-bridge.md says how another user gets to read the files",
  },
  ERR_USAGE: {
    meaning: "The command line is not one that countersign knows, or the value of a flag is not legal.",
    fix: "add --help to the command for its flags and examples",
  },
  ERR_BUNDLE_FILE: {
    meaning: "The file of a bundle cannot be read, or is no bundle of the format that --format names.",
    fix: "give PEM certificates with --format pem, a SPIFFE bundle document with --format spiffe",
  },
  ERR_FEDERATION_FILE: {
    meaning:
      "The file of federation relationships cannot be read, or holds something that is none; every problem is named.",
    fix: 'see "Files of federation relationships" in docs/cli.md',
  },
  ERR_ENTRY_FILE: {
    meaning: "The file of entries cannot be read, or holds something that is no entry; every problem is named.",
    fix: 'see "Files of entries" in docs/cli.md',
  },
  ERR_INPUT_TOO_LARGE: {
    meaning: "A file, or standard input, is larger than 16 MiB; reading stopped there.",
    fix: "give it in several parts",
  },
  ERR_NO_AGENT: {
    meaning:
      "Nothing was waited for: no agent that the server knows has the parent ID, itself or by a node alias, or the selectors of the node alias.",
    fix: 'compare the parent ID with "countersign agent list", the selectors with "countersign agent show"; the entry stays, and is delivered when there is such an agent',
  },
  ERR_CONFIG: {
    meaning: "The settings of a daemon are incomplete or not legal; every problem is named.",
    fix: "correct the settings that are named; docs/configuration.md lists every setting",
  },
  ERR_NO_ANSWER: {
    meaning: "Nobody answers at the socket, or the connection broke off before the answer.",
    fix: "is it running, is --socket or --server right, and may this user use the socket, or this host reach the port?",
  },
  ERR_SERVER_NOT_VERIFIED: {
    meaning: "What answers at --server did not prove to be the server of the trust domain; nothing was sent to it.",
    fix: "check the address and --server-trust-domain; an impostor looks like this too",
  },
  ERR_NO_SUCH_IDENTITY: {
    meaning: "The Workload API does not give this process the identity that --as names.",
    fix: "leave --as out, or create an entry that gives this process that identity",
  },
  ERR_NOT_CONFIRMED: {
    meaning: "The question whether to go on was not answered with yes; nothing was changed.",
    fix: "answer yes, or give --yes when nobody is there to ask",
  },
  ERR_CHANGED_MEANWHILE: {
    meaning:
      "The entries on the server are not what entry apply showed, or not what it has just made of them: somebody else changes the same ones.",
    fix: "let one at a time apply an owner's files, and apply again",
  },
  ERR_OTHER_DAEMON: {
    meaning: "The health of one daemon was asked for at the socket of the other.",
    fix: "give --socket of the daemon that is meant, or use the other's healthcheck command",
  },
  ERR_OTHER_TRUST_DOMAIN: {
    meaning: "The two servers are of different trust domains; nothing was copied.",
    fix: "check --from and --socket; to trust another trust domain, federate with it",
  },
  ERR_MIRROR_STATE: {
    meaning:
      "The file in which migrate trust remembers what each server had cannot be read or written, or is another's.",
    fix: "correct what the message names; without the file an authority that was revoked could be copied back",
  },
};
