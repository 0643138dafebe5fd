package service

import (
	"context"
	"encoding/json"

	"switchboard/db"
)

// Messages and business events come in company if their contact is known and complete and their
// external id is new. The others, which create or fill a contact or repeat a delivery, have a
// transaction of their own.

// reception is what a mutation that brings something in has beside its verb.
type reception struct {
	delivery *db.Delivery             // nil without an external id; of a message, without its sender
	ignored  []*Refusal               // for the outcome
	alone    func() (*Outcome, error) // carries it out in a transaction of its own

	delivered *db.Delivery // with its sender, once the contact is known
	isKnown   bool         // the id was known before
}

// receive brings something in by a verb on the thread of a contact, who is named by id or by
// sender.
func (s *Service) receive(ctx context.Context, actor Actor, name string, in Input,
	id *db.ContactID, from *sender, v Verb, r *reception) (*Outcome, error) {
	m := &member{ctx: ctx, actor: actor, verb: fromComplete(from, v), targets: []target{{}}, reception: r}
	if id != nil {
		m.targets[0].contact = *id
	} else {
		m.targets[0].identity = &db.ContactIdentity{Channel: from.identity.Channel, ExternalID: from.identity.ExternalID}
	}
	return s.join(m, name, in)
}

// fromComplete returns a verb that starts over, in a transaction of its own, if the sender's data
// fills empty fields of the contact.
func fromComplete(from *sender, v Verb) Verb {
	do := v.do
	v.do = func(a *Act, t *Thread) (Changes, error) {
		if from != nil {
			if _, filled := from.completed(t.Contact); len(filled) > 0 {
				return nil, ErrStartOver
			}
		}
		return do(a, t)
	}
	return v
}

// from returns the delivery that comes from this contact, who is the sender of a message; nil
// without an external id.
func (r *reception) from(contact db.ContactID) *db.Delivery {
	if r.delivery == nil {
		return nil
	}
	d := *r.delivery
	if d.Kind == db.MessageDelivery {
		d.Sender = contact.Ref()
	}
	return &d
}

// lockDeliveries adds the statement that locks the external ids of the members.
func (c *company) lockDeliveries(b *db.Batch) {
	var receivers []*member
	var deliveries []*db.Delivery
	for _, m := range c.members {
		if m.reception != nil && m.reception.delivery != nil {
			receivers, deliveries = append(receivers, m), append(deliveries, m.reception.delivery)
		}
	}
	var free []bool
	b.LockDeliveries(deliveries, &free)
	b.Then(func() {
		for i, m := range receivers {
			m.isAlone = m.isAlone || !free[i]
		}
	})
}

// readDeliveries adds the statement that reads which external ids are known.
func (c *company) readDeliveries(b *db.Batch) {
	var receptions []*reception
	var deliveries []*db.Delivery
	for _, m := range c.members {
		if r := m.reception; r != nil && r.delivery != nil {
			r.delivered = r.from(c.threads.contactOf(m.targets[0]))
			receptions, deliveries = append(receptions, r), append(deliveries, r.delivered)
		}
	}
	var known []bool
	b.KnowDeliveries(deliveries, &known)
	b.Then(func() {
		for i, r := range receptions {
			r.isKnown = known[i]
		}
	})
}

// storeDeliveries adds the statement that stores the external ids of what came in.
func (c *company) storeDeliveries(b *db.Batch) (err error) {
	var deliveries []*db.Delivery
	for _, m := range c.members {
		if m.err != nil || m.reception == nil || m.reception.delivered == nil {
			continue
		}
		d := m.reception.delivered
		if d.Outcome, err = json.Marshal(newRemembered(m.outcome, nil)); err != nil {
			return err
		}
		deliveries = append(deliveries, d)
	}
	b.InsertDeliveries(deliveries)
	return nil
}
