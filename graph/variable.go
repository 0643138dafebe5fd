package graph

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"switchboard/graph/compiled"
)

// coercion coerces the values of variables strictly by the specification: a string is never read
// as a number or a number as a string, and names of enums are case-sensitive. gqlgen's own coercion
// is more lenient in some places and stricter in others, and modifies its input.
// (https://spec.graphql.org/October2021/#sec-Coercing-Variable-Values)
type coercion struct{ schema *ast.Schema }

// variables returns the coerced values in a new map. Variables that were not sent are left out; the
// executor adds their defaults.
func (c coercion) variables(definitions ast.VariableDefinitionList, sent map[string]any) (map[string]any, *gqlerror.Error) {
	values := map[string]any{}
	for _, v := range definitions {
		path := ast.Path{ast.PathName(v.Variable)}
		value, isSent := sent[v.Variable]
		switch {
		case isSent:
			coerced, err := c.value(value, v.Type, path)
			if err != nil {
				return nil, err
			}
			values[v.Variable] = coerced
		case v.Type.NonNull && v.DefaultValue == nil:
			return nil, mismatch(path, "it is missing, and %s is required", v.Type)
		}
	}
	return values, nil
}

// value returns a value coerced to a type.
func (c coercion) value(value any, t *ast.Type, path ast.Path) (any, *gqlerror.Error) {
	if value == nil {
		if t.NonNull {
			return nil, mismatch(path, "it is null, and %s is required", t)
		}
		return nil, nil
	}
	if t.Elem != nil {
		return c.list(value, t, path)
	}
	switch def := c.schema.Types[t.NamedType]; {
	case def == nil:
		return value, nil // validation reports the unknown type
	case def.Kind == ast.InputObject:
		return c.object(value, def, path)
	case def.Kind == ast.Enum:
		if name, isText := value.(string); isText && def.EnumValues.ForName(name) != nil {
			return value, nil
		}
		return nil, mismatch(path, "%s is not a value of %s", shown(value), def.Name)
	default:
		return scalar(value, def.Name, path)
	}
}

// list coerces a list. A single value becomes a list of one element.
func (c coercion) list(value any, t *ast.Type, path ast.Path) (any, *gqlerror.Error) {
	elements, isList := value.([]any)
	if !isList {
		element, err := c.value(value, t.Elem, path)
		return []any{element}, err
	}
	values := make([]any, len(elements))
	for i, element := range elements {
		var err *gqlerror.Error
		if values[i], err = c.value(element, t.Elem, with(path, ast.PathIndex(i))); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (c coercion) object(value any, def *ast.Definition, path ast.Path) (any, *gqlerror.Error) {
	fields, isObject := value.(map[string]any)
	if !isObject {
		return nil, mismatch(path, "%s is not an object of %s", shown(value), def.Name)
	}
	for name := range fields {
		if def.Fields.ForName(name) == nil && name != "__typename" { // clients' caches add __typename to objects
			return nil, mismatch(with(path, ast.PathName(name)), "%s has no such field", def.Name)
		}
	}
	if def.Directives.ForName("oneOf") != nil {
		if err := oneOf(fields, def, path); err != nil {
			return nil, err
		}
	}
	values := make(map[string]any, len(fields))
	for _, field := range def.Fields {
		path := with(path, ast.PathName(field.Name))
		one, isSent := fields[field.Name]
		switch {
		case isSent:
			coerced, err := c.value(one, field.Type, path)
			if err != nil {
				return nil, err
			}
			values[field.Name] = coerced
		case field.Type.NonNull && field.DefaultValue == nil:
			return nil, mismatch(path, "it is missing, and %s is required", field.Type)
		}
	}
	return values, nil
}

// oneOf refuses an object that does not have exactly one field, or whose field is null. Validation
// checks only literals.
func oneOf(fields map[string]any, def *ast.Definition, path ast.Path) *gqlerror.Error {
	given := 0
	for name, value := range fields {
		if name == "__typename" {
			continue
		}
		if given++; value == nil {
			return mismatch(with(path, ast.PathName(name)), "it is null, and the field that is given in %s must have a value", def.Name)
		}
	}
	if given != 1 {
		return mismatch(path, "%s takes exactly one of its fields, and %d are given", def.Name, given)
	}
	return nil
}

// scalar coerces a value of one of the specification's own scalars. Other scalars parse their
// values themselves.
func scalar(value any, name string, path ast.Path) (any, *gqlerror.Error) {
	fits, kind := false, "a "+name
	switch name {
	case "Int":
		if n, isInt := integer(value); isInt && n.IsInt64() && n.Int64() == int64(int32(n.Int64())) {
			return n.Int64(), nil
		}
		return nil, mismatch(path, "%s is not an Int, which is a whole number of 32 bits", shown(value))
	case "Float":
		number, isNumber := value.(json.Number)
		_, err := strconv.ParseFloat(string(number), 64)
		fits = isNumber && err == nil
	case "String":
		_, fits = value.(string)
	case "Boolean":
		_, fits = value.(bool)
	case "ID":
		if n, isInt := integer(value); isInt {
			return n.String(), nil
		}
		_, fits = value.(string)
		kind = "an ID"
	default:
		fits = true
	}
	if !fits {
		return nil, mismatch(path, "%s is not %s", shown(value), kind)
	}
	return value, nil
}

// maxNumber is the most characters of a number that is examined for being an integer, because
// exact arithmetic with longer ones, or with large exponents, is too slow.
const maxNumber = 40

// integer returns the value of a number without a fraction in any notation: 25.0 and 2.5e1 are 25.
func integer(value any) (*big.Int, bool) {
	number, _ := value.(json.Number)
	text := string(number)
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if text == "" || len(text) > maxNumber || len(exponent) > 3 {
		return nil, false
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok || !exact.IsInt() {
		return nil, false
	}
	return exact.Num(), true
}

// refuseNulls returns an error if a variable is null and the operation uses it where the schema
// allows no null. Validation permits a nullable variable there if it, or the place, has a default;
// only its value shows the fault.
// (https://spec.graphql.org/October2021/#sec-Coercing-Field-Arguments)
func refuseNulls(op *graphql.OperationContext) *gqlerror.Error {
	nulls := map[string]bool{}
	for _, v := range op.Operation.VariableDefinitions {
		if value, known := op.Variables[v.Variable]; known && value == nil {
			nulls[v.Variable] = true
		}
	}
	if len(nulls) == 0 {
		return nil
	}
	for selected := range compiled.Selections(op.Operation.SelectionSet) {
		if f, ok := selected.(*ast.Field); ok {
			if err := refuseNullArguments(f.Arguments, nulls); err != nil {
				return err
			}
		}
		for _, d := range compiled.Directives(selected) {
			if err := refuseNullArguments(d.Arguments, nulls); err != nil {
				return err
			}
		}
	}
	return nil
}

func refuseNullArguments(list ast.ArgumentList, nulls map[string]bool) *gqlerror.Error {
	for _, argument := range list {
		if err := refuseNull(argument.Value, nulls); err != nil {
			return err
		}
	}
	return nil
}

func refuseNull(v *ast.Value, nulls map[string]bool) *gqlerror.Error {
	if v.Kind == ast.Variable && nulls[v.Raw] && v.ExpectedType != nil && v.ExpectedType.NonNull {
		return mismatch(ast.Path{ast.PathName(v.Raw)}, "it is null, and is used where %s is required; leave it out for the default", v.ExpectedType)
	}
	for _, child := range v.Children {
		if err := refuseNull(child.Value, nulls); err != nil {
			return err
		}
	}
	return nil
}

// shown returns a value as text for a message, truncated if long.
func shown(value any) string {
	text, _ := json.Marshal(value)
	const most = 60
	if len(text) <= most {
		return string(text)
	}
	return strings.ToValidUTF8(string(text[:most]), "") + "…"
}

// mismatch returns the error for a variable whose value does not fit; path names the part of it.
// The error itself has no path, since that would be one in the response.
func mismatch(path ast.Path, format string, args ...any) *gqlerror.Error {
	return invalid("the variable $%s does not fit: %s", path.String(), fmt.Sprintf(format, args...))
}

// with returns a copy of path with one more element.
func with(path ast.Path, element ast.PathElement) ast.Path {
	return append(path[:len(path):len(path)], element)
}
