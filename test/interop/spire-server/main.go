// A SPIRE server as its agents see one, for tests of ours: SPIRE's own API definitions, answers recorded from a real
// server, and its quirks. Reads commands from standard input, prints what happened, one JSON object a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	svidv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

const trustDomain = "test.example"

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

func main() {
	if err := run(); err != nil {
		report("failed", map[string]any{"error": err.Error()})
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: spire-server RECORDED-FOLDER CONNECTION-AGE")
	}
	age, err := time.ParseDuration(os.Args[2])
	if err != nil {
		return err
	}
	w, err := newWorld(os.Args[1])
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(w.authority.serverTLS())),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: age}),
	)
	agentv1.RegisterAgentServer(server, &agentService{world: w})
	bundlev1.RegisterBundleServer(server, &bundleService{world: w})
	entryv1.RegisterEntryServer(server, &entryService{world: w})
	svidv1.RegisterSVIDServer(server, &svidService{world: w})
	report("ready", map[string]any{"address": listener.Addr().String(), "bundle": w.authority.pem()})
	go func() { _ = server.Serve(listener) }()
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		var command struct {
			Do, ID, Path string
			Count        int
		}
		if err := json.Unmarshal(commands.Bytes(), &command); err != nil {
			return err
		}
		if err := w.do(command.Do, command.ID, command.Path, command.Count); err != nil {
			return err
		}
		report("done", map[string]any{"do": command.Do})
	}
	server.Stop()
	return commands.Err()
}
