package service

import (
	"context"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // for machines without a time zone database

	"switchboard/db"
	dbtext "switchboard/db/text"
	"switchboard/service/definition"
)

// UpdateWorkspaceInput is the data of the workspace to change; nil leaves a field as it is.
type UpdateWorkspaceInput struct {
	Name              *string
	TimeZone          *string
	Country           *string // ISO 3166-1 alpha-2; empty: none
	ReopenPolicy      *db.ReopenPolicy
	ReopenWithinDays  *int
	OwnerPolicy       *db.OwnerPolicy
	ClosingCategories []string // nil leaves them as they are
	Keyed
}

// UpdateWorkspace changes the workspace's name, time zone, country or policies (managers only).
func (s *Service) UpdateWorkspace(ctx context.Context, actor Actor, in UpdateWorkspaceInput) (*Outcome, error) {
	if err := Permit(actor, "updateWorkspace"); err != nil {
		return nil, err
	}
	if err := workspaceData(&db.Workspace{}, in); err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "updateWorkspace", &in, func(w *Writer) (Changes, error) {
		row, err := w.LockWorkspace(ctx)
		if err != nil {
			return nil, err
		}
		w.Outcome.Workspace = row
		before := *row
		if err := workspaceData(row, in); err != nil {
			return nil, err
		}
		changed := Difference(workspaceFields(&before), workspaceFields(row))
		if len(changed) == 0 {
			return Unchanged, nil
		}
		if err := w.UpdateWorkspace(ctx, row); err != nil {
			return nil, err
		}
		gone := without(slices.Clone(before.ClosingCategories), row.ClosingCategories)
		if len(gone) > 0 {
			names := func(d *db.WorkflowDefinition) bool { return definition.NamesCategory(d, gone) }
			if err := w.showProblems(ctx, names); err != nil {
				return nil, err
			}
		}
		return Changes{w.Event(db.WorkspaceUpdated, db.EventData{Changes: changed})}, nil
	})
}

// workspaceData checks the given fields and sets them on a workspace; nil ones are left as they
// are.
func workspaceData(row *db.Workspace, in UpdateWorkspaceInput) (err error) {
	if in.Name != nil {
		if row.Name, err = CheckName("name", *in.Name); err != nil {
			return err
		}
	}
	if in.TimeZone != nil {
		if _, err := time.LoadLocation(*in.TimeZone); err != nil || *in.TimeZone == "" || *in.TimeZone == "Local" {
			return NewBadInput("timeZone must be an IANA time zone such as Europe/Berlin")
		}
		row.TimeZone = *in.TimeZone
	}
	if in.Country != nil {
		if row.Country, err = country(*in.Country); err != nil {
			return err
		}
	}
	if in.ReopenPolicy != nil {
		row.ReopenPolicy = *in.ReopenPolicy
	}
	if in.ReopenWithinDays != nil {
		if *in.ReopenWithinDays < 1 || *in.ReopenWithinDays > 3650 {
			return NewBadInput("reopenWithinDays must be between 1 and 3650")
		}
		row.ReopenWithinDays = *in.ReopenWithinDays
	}
	if in.OwnerPolicy != nil {
		row.OwnerPolicy = *in.OwnerPolicy
	}
	if in.ClosingCategories != nil {
		row.ClosingCategories, err = names("closingCategories", in.ClosingCategories, 200)
	}
	return err
}

// country checks a country code and returns it in its usual form; nil if it is blank.
func country(code string) (*string, error) {
	if strings.TrimSpace(code) == "" {
		return nil, nil
	}
	known, ok := dbtext.Country(strings.TrimSpace(code))
	if !ok {
		return nil, NewBadInput("country must be the ISO 3166-1 code of a country in two letters, such as DE")
	}
	return &known, nil
}

// CreateWorkspace creates a workspace with its first manager. It is for the operator's commands,
// not for callers of the API.
func (s *Service) CreateWorkspace(ctx context.Context, called, managerName, managerEmail string) (*db.Workspace, *db.Agent, error) {
	called, err := CheckName("name", called)
	if err != nil {
		return nil, nil, err
	}
	r := Recorder{At: s.Now()}
	manager := &db.Agent{
		ID: db.AgentID{UUID: db.NewUUID()}, Role: db.RoleManager, Skills: []string{},
		Availability: db.Offline, Active: true, CreatedAt: r.At,
	}
	if err := agentData(manager, &managerName, &managerEmail, nil, nil, nil, nil); err != nil {
		return nil, nil, err
	}
	w := &db.Workspace{
		ID: db.WorkspaceID{UUID: db.NewUUID()}, Name: called, TimeZone: "UTC",
		ReopenPolicy: db.Reopen, ReopenWithinDays: 7, OwnerPolicy: db.OwnerKeep,
		ClosingCategories: []string{"Question", "Problem", "Feedback", "Other"}, CreatedAt: r.At,
	}
	err = s.DB.InsertWorkspace(ctx, w, func(tx db.Tx) error {
		if err := tx.InsertAgents(ctx, manager); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, Changes{r.AboutAgent(manager, db.AgentCreated, db.EventData{})})
	})
	return w, manager, err
}

// System returns the actor of the operator's commands.
func System(workspace db.WorkspaceKey) Actor { return Actor{Workspace: workspace, Role: RoleManager} }
