package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"switchboard/graph/limit"
)

// A DocumentsMode is what becomes of documents that are not trusted.
type DocumentsMode string

// The modes.
const (
	LogOthers   DocumentsMode = "log"     // they are executed, and each is logged once
	AllowOthers DocumentsMode = "allow"   // they are executed
	TrustedOnly DocumentsMode = "require" // they are refused
)

// Documents are the texts of trusted documents by their ids.
type Documents map[string]string

// ParseDocuments reads a manifest: the persisted query manifest of Apollo, or an object with the
// text of each document under its id, as the compilers of Relay and of GraphQL Code Generator write
// it.
func ParseDocuments(manifest []byte) (Documents, error) {
	var apollo struct {
		Format     string
		Version    int
		Operations []struct{ ID, Body string }
	}
	if err := json.Unmarshal(manifest, &apollo); err == nil && apollo.Format != "" {
		if apollo.Format != "apollo-persisted-query-manifest" || apollo.Version != 1 {
			return nil, fmt.Errorf("a manifest of format %q, version %d, is not known; the known one is apollo-persisted-query-manifest, version 1", apollo.Format, apollo.Version)
		}
		all := Documents{}
		for _, op := range apollo.Operations {
			if op.ID == "" || op.Body == "" {
				return nil, errors.New("an operation of the manifest has no id or no body")
			}
			all[op.ID] = op.Body
		}
		return all, nil
	}
	var all Documents
	if err := json.Unmarshal(manifest, &all); err != nil || len(all) == 0 {
		return nil, errors.New("the manifest is neither one of Apollo nor a JSON object with the text of a document under each id")
	}
	return all, nil
}

// trusted holds the trusted documents, which are kept as long as the server runs or until others
// take their place.
type trusted struct {
	mode    DocumentsMode // empty: there are none
	log     *slog.Logger
	current atomic.Pointer[trustedSet]
}

type trustedSet struct {
	texts  Documents
	byText map[string]*document
}

// get returns the validated document of a text, if it is trusted.
func (t *trusted) get(text string) *document {
	if set := t.current.Load(); set != nil {
		return set.byText[text]
	}
	return nil
}

// text returns the text of a trusted document.
func (t *trusted) text(id string) (text string, known bool) {
	if set := t.current.Load(); set != nil {
		text, known = set.texts[id]
	}
	return text, known
}

// judge decides about a document that is not trusted.
func (t *trusted) judge() *gqlerror.Error {
	if t.mode != TrustedOnly {
		return nil
	}
	return coded(documentNotFound, "this server executes only documents that it knows; send the documentId of one")
}

// note logs a document that is not trusted, if that is wanted.
func (t *trusted) note(known *ast.QueryDocument) {
	if t.mode != LogOthers {
		return
	}
	names := []string{}
	for _, op := range known.Operations {
		names = append(names, op.Name)
	}
	t.log.Warn("a document is not among the trusted ones", "operations", names)
}

// trust replaces the trusted documents. It returns an error, and changes nothing, if one of them
// would be refused.
func (d *documents) trust(all Documents, by *rules.Rules) error {
	set := &trustedSet{all, make(map[string]*document, len(all))}
	for id, text := range all {
		parsed, err := d.validated(text, by)
		if err != nil {
			return fmt.Errorf("the trusted document %.100s is refused: %w", id, err)
		}
		known := d.prepared(parsed, nil)
		known.isTrusted = true
		set.byText[text] = known
	}
	d.trusted.current.Store(set)
	return nil
}

// validated parses, limits and validates a document.
func (d *documents) validated(text string, by *rules.Rules) (*ast.QueryDocument, error) {
	if len(text) > limit.Bytes {
		return nil, tooLong()
	}
	parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, limit.Tokens)
	if err != nil {
		return nil, err
	}
	if err := limit.Check(parsed); err != nil {
		return nil, err
	}
	if errs := validator.ValidateWithRules(d.schema, parsed, by); len(errs) > 0 {
		return nil, errs
	}
	return parsed, nil
}
