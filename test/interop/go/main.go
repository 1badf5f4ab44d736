// A workload as somebody else would write it: go-spiffe and nothing of ours. Prints one JSON object a line.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"
)

var output sync.Mutex

// report prints an event for the test that started us.
func report(event string, fields map[string]any) {
	line := map[string]any{"event": event}
	for name, value := range fields {
		line[name] = value
	}
	output.Lock()
	defer output.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		panic(err)
	}
}

type options struct {
	socket    string
	audience  string
	rotations int
	address   string
	peer      string
	requests  int
}

func main() {
	if err := run(); err != nil {
		report("failed", map[string]any{"error": err.Error()})
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 2 {
		return fmt.Errorf("usage: interop fetch|serve|call|refused|reflect|converse [flags]")
	}
	var chosen options
	var timeout time.Duration
	flags := flag.NewFlagSet(os.Args[1], flag.ContinueOnError)
	flags.StringVar(&chosen.socket, "socket", "", "Workload API address, unix:///path")
	flags.StringVar(&chosen.audience, "audience", "interop", "audience of JWT-SVIDs")
	flags.IntVar(&chosen.rotations, "rotations", 0, "rotations of the X509-SVID to wait for")
	flags.StringVar(&chosen.address, "address", "127.0.0.1:0", "where to listen, or whom to call")
	flags.StringVar(&chosen.peer, "peer", "", "the only SPIFFE ID to talk to")
	flags.IntVar(&chosen.requests, "requests", 1, "mTLS connections to make, or to serve")
	flags.DurationVar(&timeout, "timeout", time.Minute, "give up after")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	switch os.Args[1] {
	case "fetch":
		return fetch(ctx, chosen)
	case "serve":
		return serve(ctx, chosen)
	case "call":
		return call(ctx, chosen)
	case "refused":
		return refused(ctx, chosen)
	case "converse":
		return converse(ctx)
	case "reflect":
		return reflect(ctx, chosen)
	}
	return fmt.Errorf("unknown command %q", os.Args[1])
}
