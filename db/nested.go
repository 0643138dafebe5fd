package db

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Nested is a list that each of many parents has: a table and its column that refers to the parent.
type Nested struct{ table, parent string }

// The nested lists that can be counted by an index.
var (
	ConversationMessages = Nested{"messages", "conversation_id"}
	ConversationEvents   = Nested{"events", "conversation_id"}
	ContactEvents        = Nested{"events", "contact_id"}
	ContactConversations = Nested{"conversations", "contact_id"}
	WorkflowRuns         = Nested{"workflow_runs", "workflow_id"}
)

// page returns the SQL of a page of one parent's list; parent.id names the parent. It adds the
// first arguments of the statement, $1 is the workspace.
func (of Nested) page(s *statement, w ForWorkspace, columns string, o Order, p Page) string {
	s.where("workspace_id = ", w.Key)
	s.where(of.parent + " = parent.id")
	p.where(s, o)
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %s", columns, of.table,
		strings.Join(s.conditions, " AND "), strings.Join(p.orderBy(o), ", "), s.arg(p.Limit+1))
}

// nested reads the same page of the list of each parent.
func (w ForWorkspace) nested(ctx context.Context, dest any, s *statement, page string, parents any) error {
	return w.query(ctx, dest, "SELECT item.* FROM unnest("+s.arg(parents)+"::uuid[]) AS parent (id) CROSS JOIN LATERAL ("+page+") AS item", s.args...)
}

// CountNested returns the number of rows of each parent's list, at most limit for each.
func (w ForWorkspace) CountNested(ctx context.Context, of Nested, parents []uuid.UUID, limit int) (map[uuid.UUID]int, error) {
	var rows []struct {
		ID    uuid.UUID
		Count int
	}
	err := w.query(ctx, &rows, `SELECT parent.id, (SELECT count(*) FROM (SELECT FROM `+of.table+`
		WHERE workspace_id = $1 AND `+of.parent+` = parent.id LIMIT $3) AS counted) AS count
		FROM unnest($2::uuid[]) AS parent (id)`, w.Key, parents, limit)
	counts := make(map[uuid.UUID]int, len(rows))
	for _, row := range rows {
		counts[row.ID] = row.Count
	}
	return counts, err
}
