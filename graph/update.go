package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/workflow"
)

// In the input of an update, an explicit null clears a field that can be empty, as an empty text or
// list does; a field that is left out stays as it is. gqlgen calls the resolvers below only for
// fields that the input contains, including those that are null.

type (
	updateContactInputResolver   struct{ *Resolver }
	updateAgentInputResolver     struct{ *Resolver }
	updateWorkspaceInputResolver struct{ *Resolver }
	updateWorkflowInputResolver  struct{ *Resolver }
)

// UpdateContactInput reads the fields of UpdateContactInput.
func (r *Resolver) UpdateContactInput() UpdateContactInputResolver {
	return updateContactInputResolver{r}
}

// UpdateAgentInput reads the fields of UpdateAgentInput.
func (r *Resolver) UpdateAgentInput() UpdateAgentInputResolver { return updateAgentInputResolver{r} }

// UpdateWorkspaceInput reads the fields of UpdateWorkspaceInput.
func (r *Resolver) UpdateWorkspaceInput() UpdateWorkspaceInputResolver {
	return updateWorkspaceInputResolver{r}
}

// UpdateWorkflowInput reads the fields of UpdateWorkflowInput.
func (r *Resolver) UpdateWorkflowInput() UpdateWorkflowInputResolver {
	return updateWorkflowInputResolver{r}
}

// sent reports whether a field of the mutation's input was sent. gqlparser reads a variable that is
// declared but was not sent as null, although the field counts as left out.
func sent(ctx context.Context, field string) bool {
	input := graphql.GetFieldContext(ctx).Field.Arguments.ForName("input")
	if input == nil || input.Value.Kind != ast.ObjectValue {
		return true
	}
	value := input.Value.Children.ForName(field)
	if value == nil || value.Kind != ast.Variable {
		return true
	}
	_, ok := graphql.GetOperationContext(ctx).Variables[value.Raw]
	return ok
}

// clearable sets a field that can be empty; null sets it to the zero value.
func clearable[T any](ctx context.Context, field string, into **T, value *T) error {
	if value == nil && sent(ctx, field) {
		value = new(T)
	}
	*into = value
	return nil
}

// clearableList sets a list; null sets it to an empty one.
func clearableList[T any](ctx context.Context, field string, into *[]T, value []T) error {
	if value == nil && sent(ctx, field) {
		value = []T{}
	}
	*into = value
	return nil
}

// required sets a field that cannot be empty; the error for null is BAD_USER_INPUT.
func required[T any](ctx context.Context, field string, into **T, value *T) error {
	if value == nil && sent(ctx, field) {
		return &service.Error{Code: service.BadInput, Message: field + " cannot be null; leave it out to keep it as it is"}
	}
	*into = value
	return nil
}

func (updateContactInputResolver) Name(ctx context.Context, in *service.UpdateContactInput, v *string) error {
	return required(ctx, "name", &in.Name, v)
}

func (updateContactInputResolver) Email(ctx context.Context, in *service.UpdateContactInput, v *string) error {
	return clearable(ctx, "email", &in.Email, v)
}

func (updateContactInputResolver) Phone(ctx context.Context, in *service.UpdateContactInput, v *string) error {
	return clearable(ctx, "phone", &in.Phone, v)
}

func (updateContactInputResolver) AvatarURL(ctx context.Context, in *service.UpdateContactInput, v *string) error {
	return clearable(ctx, "avatarUrl", &in.AvatarURL, v)
}

func (updateContactInputResolver) Identities(ctx context.Context, in *service.UpdateContactInput, v []*service.ContactIdentityInput) error {
	return clearableList(ctx, "identities", &in.Identities, v)
}

func (updateAgentInputResolver) Name(ctx context.Context, in *service.UpdateAgentInput, v *string) error {
	return required(ctx, "name", &in.Name, v)
}

func (updateAgentInputResolver) Email(ctx context.Context, in *service.UpdateAgentInput, v *string) error {
	return required(ctx, "email", &in.Email, v)
}

func (updateAgentInputResolver) AvatarURL(ctx context.Context, in *service.UpdateAgentInput, v *string) error {
	return clearable(ctx, "avatarUrl", &in.AvatarURL, v)
}

func (updateAgentInputResolver) Role(ctx context.Context, in *service.UpdateAgentInput, v *db.Role) error {
	return required(ctx, "role", &in.Role, v)
}

func (updateAgentInputResolver) Skills(ctx context.Context, in *service.UpdateAgentInput, v []string) error {
	return clearableList(ctx, "skills", &in.Skills, v)
}

func (updateAgentInputResolver) Identity(ctx context.Context, in *service.UpdateAgentInput, v *service.AgentIdentityInput) error {
	return clearable(ctx, "identity", &in.Identity, v)
}

func (updateWorkspaceInputResolver) Name(ctx context.Context, in *service.UpdateWorkspaceInput, v *string) error {
	return required(ctx, "name", &in.Name, v)
}

func (updateWorkspaceInputResolver) TimeZone(ctx context.Context, in *service.UpdateWorkspaceInput, v *string) error {
	return required(ctx, "timeZone", &in.TimeZone, v)
}

func (updateWorkspaceInputResolver) Country(ctx context.Context, in *service.UpdateWorkspaceInput, v *string) error {
	return clearable(ctx, "country", &in.Country, v)
}

func (updateWorkspaceInputResolver) ReopenPolicy(ctx context.Context, in *service.UpdateWorkspaceInput, v *db.ReopenPolicy) error {
	return required(ctx, "reopenPolicy", &in.ReopenPolicy, v)
}

func (updateWorkspaceInputResolver) ReopenWithinDays(ctx context.Context, in *service.UpdateWorkspaceInput, v *int) error {
	return required(ctx, "reopenWithinDays", &in.ReopenWithinDays, v)
}

func (updateWorkspaceInputResolver) OwnerPolicy(ctx context.Context, in *service.UpdateWorkspaceInput, v *db.OwnerPolicy) error {
	return required(ctx, "ownerPolicy", &in.OwnerPolicy, v)
}

func (updateWorkspaceInputResolver) ClosingCategories(ctx context.Context, in *service.UpdateWorkspaceInput, v []string) error {
	return clearableList(ctx, "closingCategories", &in.ClosingCategories, v)
}

func (updateWorkflowInputResolver) Name(ctx context.Context, in *workflow.UpdateWorkflowInput, v *string) error {
	return required(ctx, "name", &in.Name, v)
}

func (updateWorkflowInputResolver) Definition(ctx context.Context, in *workflow.UpdateWorkflowInput, v *db.WorkflowDefinition) error {
	return required(ctx, "definition", &in.Definition, v)
}
