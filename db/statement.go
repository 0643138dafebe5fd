package db

import (
	"strconv"
	"strings"
)

// statement builds a hot SQL statement with numbered placeholders. Its text depends
// only on which conditions are there, never on values, so connections prepare it once.
type statement struct {
	conditions []string
	args       []any
}

// arg takes a value and gives its placeholder.
func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

// where adds a condition made of SQL, a value, and more SQL in turn.
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
