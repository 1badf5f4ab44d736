// Run under another uid to find out whether this checkout is readable there.
import "commander";
