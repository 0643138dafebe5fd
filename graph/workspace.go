package graph

import (
	"context"
	"errors"

	"switchboard/db"
	"switchboard/service"
)

func (r queryResolver) Workspace(ctx context.Context) (*db.Workspace, error) {
	return r.service.Workspace(ctx, actorOf(ctx))
}

func (r queryResolver) Node(ctx context.Context, id string) (Node, error) {
	nodes, errs, err := nodes(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	return nodes[0], errorOf(errs, 0)
}

const maxNodes = 100

func (r queryResolver) Nodes(ctx context.Context, ids []string) ([]Node, error) {
	if len(ids) > maxNodes {
		return nil, &service.Error{Code: service.BadInput, Message: "ask for at most 100 nodes at once"}
	}
	nodes, errs, err := nodes(ctx, ids)
	if err != nil {
		return nil, err
	}
	return nodes, errors.Join(errs...)
}

func (r mutationResolver) UpdateWorkspace(ctx context.Context, input service.UpdateWorkspaceInput) (*WorkspacePayload, error) {
	return workspacePayload(r.service.UpdateWorkspace(ctx, actorOf(ctx), input))
}
