package db

import (
	"strconv"
	"strings"
)

// statement builds a frequent SQL statement with numbered placeholders. Its text depends on which
// conditions are set, never on values, so each connection prepares it once.
type statement struct {
	conditions []string
	args       []any
}

// arg adds a value and returns its placeholder.
func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

// where adds a condition made of alternating SQL and values.
func (s *statement) where(sql string, valueAndSQL ...any) {
	var b strings.Builder
	b.WriteString(sql)
	for i, part := range valueAndSQL {
		if i%2 == 0 {
			b.WriteString(s.arg(part))
		} else {
			b.WriteString(part.(string))
		}
	}
	s.conditions = append(s.conditions, b.String())
}
