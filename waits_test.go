package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Rule P8: no wait for anything outside the process is without a bound. No compiler checks it, so
// these are the shapes that such waits have in source text.
const (
	bareReceive = "receives from a channel outside a select with another case"
	endless     = "has a context that never ends by itself"
	lockedCall  = "holds a mutex across a call with a context"
	bareSend    = "takes a channel outside a select with another case"
	noTimeout   = "has no time-out"
)

// boundedWaits are the waits that have such a shape and end all the same, by function and shape, with
// the reason.
var boundedWaits = map[string]string{
	"command.Main " + endless:  "it ends with the process",
	"command.serve " + endless: "it ends when the server has drained, which drain bounds",
	"command.ask " + endless:   "its HTTP client has a time-out, and it gives up after answerTime",
	"auth.refetch " + endless:  "the fetch ends after fetchTime",
	"graph.share " + endless:   "it ends with the last subscriber of the group",

	"graph/live.newSocket " + endless: "it ends with the socket",
	"graph/live.newStream " + endless: "it ends with the stream",

	"command.drain " + bareReceive:          "Shutdown ends with its context",
	"graph.Drain " + bareReceive:            "Drain ends with its context",
	"graph/live.handleApart " + bareReceive: "what a message leads to has bounds of its own",

	"command.recent " + lockedCall: "the check ends after readyTime, and probes may wait for it",
	"graph.agents " + lockedCall:   "the count ends after staffTime, once a minute",
	"feed.Close " + bareSend:       "the channel is held by nats.Connect, which has a time-out",
}

// unwatched are the rooms whose waits hinder no server.
var unwatched = []string{"bench", "examples", "client", "db/dbtest", "db/embedded", "service/servicetest", "web/webtest", "service/demo", "service/history"}

// TestWaitsAreBounded finds the next wait without a bound (P8). What it finds is to be bounded, or if
// it ends for a reason that it cannot see, to be listed in boundedWaits.
func TestWaitsAreBounded(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range list(t, "./...") {
		if slices.ContainsFunc(unwatched, func(room string) bool { return p.room() == room || strings.HasPrefix(p.room(), room+"/") }) {
			continue
		}
		for _, name := range p.GoFiles {
			if strings.HasPrefix(name, "generated") {
				continue
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for pos, w := range waitsIn(file) {
				key := p.room() + "." + w.function + " " + w.shape
				seen[key] = true
				if boundedWaits[key] == "" {
					t.Errorf("%s: %s", set.Position(pos), key)
				}
			}
		}
	}
	for key := range boundedWaits {
		if !seen[key] {
			t.Errorf("there is no such wait any more: %s", key)
		}
	}
}

// A wait is an expression that may wait without a bound.
type wait struct{ function, shape string }

// waitsIn returns the waits in a file by their positions.
func waitsIn(file *ast.File) map[token.Pos]wait {
	found, slots := map[token.Pos]wait{}, slotsOf(file)
	for _, d := range file.Decls {
		name := "var"
		if f, ok := d.(*ast.FuncDecl); ok {
			name = f.Name.Name
		}
		for pos, shape := range waitsOf(d, slots) {
			found[pos] = wait{name, shape}
		}
	}
	return found
}

// slotsOf returns the channels of a file that are taken by sending and given back by receiving, which
// does not wait.
func slotsOf(file *ast.File) map[string]bool {
	slots := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if send, ok := n.(*ast.SendStmt); ok && isToken(send) {
			slots[types.ExprString(send.Chan)] = true
		}
		return true
	})
	return slots
}

// isToken reports whether a statement sends struct{}{}.
func isToken(send *ast.SendStmt) bool { return types.ExprString(send.Value) == "struct{}{}" }

func waitsOf(d ast.Decl, slots map[string]bool) map[token.Pos]string {
	found, fine := map[token.Pos]string{}, map[ast.Node]bool{} // fine: what a parent bounds
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectStmt:
			if len(n.Body.List) > 1 {
				for _, c := range n.Body.List {
					markReceives(c.(*ast.CommClause).Comm, fine)
				}
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && !fine[n] && !slots[types.ExprString(n.X)] {
				found[n.Pos()] = bareReceive
			}
		case *ast.SendStmt:
			if isToken(n) && !fine[n] {
				found[n.Pos()] = bareSend
			}
		case *ast.CallExpr:
			if limits := called(n); len(n.Args) > 0 && (strings.HasPrefix(limits, "context.WithTimeout") || strings.HasPrefix(limits, "context.WithDeadline")) {
				fine[n.Args[0]] = true
			}
			if shape := shapeOf(called(n)); shape != "" && !fine[n] {
				found[n.Pos()] = shape
			}
		case *ast.CompositeLit:
			if isWithoutTimeout(n) {
				found[n.Pos()] = noTimeout
			}
		case *ast.BlockStmt:
			maps.Copy(found, heldIn(n))
		}
		return true
	})
	return found
}

// markReceives marks the receives of a case.
func markReceives(comm ast.Stmt, fine map[ast.Node]bool) {
	if comm == nil {
		return
	}
	ast.Inspect(comm, func(n ast.Node) bool {
		fine[n] = true
		return true
	})
}

// called returns the name of a function that is called, such as context.Background.
func called(n *ast.CallExpr) string {
	if s, ok := n.Fun.(*ast.SelectorExpr); ok {
		if of, ok := s.X.(*ast.Ident); ok {
			return of.Name + "." + s.Sel.Name
		}
		return "." + s.Sel.Name
	}
	return ""
}

func shapeOf(called string) string {
	switch called {
	case "context.Background", "context.TODO", "context.WithoutCancel":
		return endless
	case "net.Dial", "tls.Dial", "http.Get", "http.Post", "http.Head", "http.PostForm", "http.ListenAndServe":
		return noTimeout
	}
	return ""
}

// needs are the fields without which a value waits for ever.
var needs = map[string]string{"http.Server": "ReadHeaderTimeout", "http.Client": "Timeout"}

func isWithoutTimeout(n *ast.CompositeLit) bool {
	s, ok := n.Type.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of, ok := s.X.(*ast.Ident)
	if !ok || needs[of.Name+"."+s.Sel.Name] == "" {
		return false
	}
	return !slices.ContainsFunc(n.Elts, func(e ast.Expr) bool {
		field, ok := e.(*ast.KeyValueExpr)
		return ok && field.Key.(*ast.Ident).Name == needs[of.Name+"."+s.Sel.Name]
	})
}

// heldIn returns the calls with a context in a block after a mutex was locked, until it is unlocked.
func heldIn(block *ast.BlockStmt) map[token.Pos]string {
	found, held := map[token.Pos]string{}, false
	for _, statement := range block.List {
		if e, ok := statement.(*ast.ExprStmt); ok {
			if call, ok := e.X.(*ast.CallExpr); ok && len(call.Args) == 0 {
				name := called(call)
				switch _, method, _ := strings.Cut(name, "."); method {
				case "Lock", "RLock":
					held = true
					continue
				case "Unlock", "RUnlock":
					held = false
				}
			}
		}
		if held {
			for _, pos := range callsWithContext(statement) {
				found[pos] = lockedCall
			}
		}
	}
	return found
}

// callsWithContext returns the calls whose first argument is a context, but not those in functions
// that are only made or started here, and none after an Unlock within the statement.
func callsWithContext(statement ast.Stmt) (all []token.Pos) {
	unlocked := false
	ast.Inspect(statement, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt, *ast.DeferStmt:
			return false
		case *ast.CallExpr:
			name := called(n)
			unlocked = unlocked || strings.HasSuffix(name, ".Unlock")
			if len(n.Args) == 0 || unlocked || strings.HasPrefix(name, "context.") {
				return true
			}
			if first, ok := n.Args[0].(*ast.Ident); ok && (first.Name == "ctx" || strings.HasSuffix(first.Name, "Ctx")) {
				all = append(all, n.Pos())
			}
		}
		return true
	})
	return all
}

// TestWaitsAreFound plants a wait of each shape, and what looks like one and is bounded.
func TestWaitsAreFound(t *testing.T) {
	t.Parallel()
	for code, shape := range map[string]string{
		`<-done`:                  bareReceive,
		`v := <-done; _ = v`:      bareReceive,
		`select { case <-done: }`: bareReceive,
		`select { case <-done: case <-ctx.Done(): }`:                                                            "",
		`select { case v := <-done: _ = v; default: }`:                                                          "",
		`slots <- struct{}{}; defer func() { <-slots }()`:                                                       bareSend,
		`select { case slots <- struct{}{}: case <-ctx.Done(): return }; <-slots`:                               "",
		`run(context.Background())`:                                                                             endless,
		`run(context.WithoutCancel(ctx))`:                                                                       endless,
		`ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second); defer cancel(); run(ctx)`: "",
		`_ = &http.Server{Handler: h}`:                                                                          noTimeout,
		`_ = &http.Server{ReadHeaderTimeout: time.Second}`:                                                      "",
		`_ = http.Client{}`:                                                                                     noTimeout,
		`net.Dial("tcp", "db:5432")`:                                                                            noTimeout,
		`mu.Lock(); defer mu.Unlock(); run(ctx)`:                                                                lockedCall,
		`s.mu.Lock(); if err := s.db.Read(ctx); err != nil { return }; s.mu.Unlock()`:                           lockedCall,
		`mu.Lock(); n++; mu.Unlock(); run(ctx)`:                                                                 "",
		`mu.Lock(); defer mu.Unlock(); go run(ctx)`:                                                             "",
		`mu.Lock(); if gone { mu.Unlock(); run(ctx); return }; mu.Unlock()`:                                     "",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "planted.go", "package planted\nfunc f() { "+code+" }", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		var shapes []string
		for _, w := range waitsIn(file) {
			shapes = append(shapes, w.shape)
		}
		if is := strings.Join(shapes, ", "); is != shape {
			t.Errorf("%s: %q was expected, but found is %q", code, shape, is)
		}
	}
}
