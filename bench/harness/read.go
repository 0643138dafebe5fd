package harness

// Reading is the load of clients that ask for each of some requests in turn. They begin at
// different places.
func Reading(requests []Request, clients int) Load {
	next := make([]int, clients)
	for i := range next {
		next[i] = i * len(requests) / clients
	}
	return Load{Connections: clients, Next: func(client int) Request {
		next[client]++
		return requests[next[client]%len(requests)]
	}}
}

// Request sends one request on a connection of its own and returns the answer.
func (s *Server) Request(r Request) ([]byte, error) {
	c, err := Dial(s.Addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(r)
}
