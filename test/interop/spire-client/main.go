// An agent and an administrator as somebody else would write them: SPIRE's own API module, gRPC, and nothing of ours.
// Prints one JSON object a line: a check by name, and what went wrong with it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

type check struct {
	name string
	run  func(ctx context.Context, w *world) error
}

func main() {
	if err := run(); err != nil {
		print(map[string]any{"event": "failed", "error": err.Error()})
		os.Exit(1)
	}
}

func run() error {
	var server, socket, trustDomain, only string
	flags := flag.NewFlagSet("spire-client", flag.ContinueOnError)
	flags.StringVar(&server, "server", "", "HOST:PORT")
	flags.StringVar(&socket, "socket", "", "the server's admin socket")
	flags.StringVar(&trustDomain, "trust-domain", "", "")
	flags.StringVar(&only, "only", "", "group of checks: callers, agent, entries, agents")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	w, err := newWorld(ctx, server, socket, trustDomain)
	if err != nil {
		return fmt.Errorf("setting up: %w", err)
	}
	defer w.close()
	groups := []struct {
		name   string
		checks []check
	}{{"callers", callerChecks()}, {"agent", agentChecks}, {"entries", entryChecks}, {"agents", nodeChecks}, {"extra", extraChecks}}
	for _, group := range groups {
		if only != "" && only != group.name {
			continue
		}
		for _, one := range group.checks {
			line := map[string]any{"event": "check", "group": group.name, "name": one.name}
			if err := one.run(ctx, w); err != nil {
				line["problem"] = err.Error()
			}
			print(line)
		}
	}
	return nil
}

func print(line map[string]any) {
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		panic(err)
	}
}
