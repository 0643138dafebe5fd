package graph

import (
	"regexp"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// rules returns the rules by which documents are validated. Where introspection is switched off
// they make no suggestions, which would reveal names of the schema.
func (o Options) rules() *rules.Rules {
	r := rules.NewDefaultRules()
	if !o.Introspection {
		r = rulesWithoutSuggestions()
	}
	for _, rule := range []core.Rule{intRule, unicodeRule} {
		r.AddRule(rule.Name, rule.RuleFunc)
	}
	return r
}

// rulesWithoutSuggestions returns gqlparser's rules without suggestions in their messages.
func rulesWithoutSuggestions() *rules.Rules {
	r := rules.NewDefaultRules()
	for _, rule := range []struct {
		suggesting, silent core.Rule
	}{
		{rules.FieldsOnCorrectTypeRule, rules.FieldsOnCorrectTypeRuleWithoutSuggestions},
		{rules.KnownArgumentNamesRule, rules.KnownArgumentNamesRuleWithoutSuggestions},
		{rules.KnownTypeNamesRule, rules.KnownTypeNamesRuleWithoutSuggestions},
		{rules.ScalarLeafsRule, rules.ScalarLeafsRuleWithoutSuggestions},
		{rules.ValuesOfCorrectTypeRule, rules.ValuesOfCorrectTypeRuleWithoutSuggestions},
	} {
		r.RemoveRule(rule.suggesting.Name)
		r.AddRule(rule.silent.Name, rule.silent.RuleFunc)
	}
	return r
}

// intRule refuses literals of Int that do not have 32 bits, which gqlparser lets pass.
var intRule = core.Rule{Name: "IntHas32Bits", RuleFunc: func(observers *core.Events, report core.AddErrFunc) {
	observers.OnValue(func(_ *core.Walker, v *ast.Value) {
		if v.Kind != ast.IntValue || v.Definition == nil || v.Definition.Name != "Int" {
			return
		}
		if _, err := strconv.ParseInt(v.Raw, 10, 32); err != nil {
			report(core.Message("%.40s is not an Int, which is a whole number of 32 bits", v.Raw), core.At(v.Position))
		}
	})
}}

// unicodeRule refuses strings with half of a surrogate pair, which gqlparser replaces by U+FFFD.
var unicodeRule = core.Rule{Name: "StringIsUnicode", RuleFunc: func(observers *core.Events, report core.AddErrFunc) {
	observers.OnValue(func(_ *core.Walker, v *ast.Value) {
		if v.Kind == ast.StringValue && hasLoneSurrogate(v) {
			report(core.Message("a string has half of a surrogate pair, which is no character; write both halves, or leave it out"), core.At(v.Position))
		}
	})
}}

// escape matches a pair of surrogates, one of them alone, or any other escape sequence.
var escape = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.`)

func hasLoneSurrogate(v *ast.Value) bool {
	const alone = len(`\uD800`)
	written := v.Position.Src.Input[v.Position.Start:v.Position.End]
	for _, found := range escape.FindAllString(written, -1) {
		if len(found) == alone && (found[2] == 'd' || found[2] == 'D') {
			return true
		}
	}
	return false
}
