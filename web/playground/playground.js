'use strict';

// Each browser tab acts as one person: the token, and what is written in the
// editors, live in sessionStorage. It survives a reload, lets two tabs be two
// agents, and leaves neither token nor customer data on the disk of a shared
// computer, as localStorage would.
const tokenKey = 'switchboard:token';

// takeToken moves the token from the address to the session, so that it stays
// out of the history, of bookmarks and of screenshots. The fragment is never
// sent to a server. It tells whether there was one.
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return false;
  sessionStorage.setItem(tokenKey, token);
  history.replaceState(null, '', location.pathname + location.search);
  return true;
}

takeToken();
const token = sessionStorage.getItem(tokenKey);
const defaultHeaders = token ? { Authorization: `Bearer ${token}` } : {};

// Opening another printed address in the same tab only changes the fragment.
addEventListener('hashchange', () => {
  if (takeToken()) location.reload();
});

const signIn = document.getElementById('sign-in');
signIn.hidden = Boolean(token);

// judge shows how to get a token as long as answers ask for one.
function judge(answer) {
  const refused = answer?.errors?.some((error) => error.extensions?.code === 'UNAUTHENTICATED');
  signIn.hidden = !refused;
  return answer;
}

// fetcher is GraphiQL's way out. An empty Headers tab means the token this page
// was opened with; `{}` means no token at all.
function fetcher(params, { headers = defaultHeaders } = {}) {
  const operation = chosenOperation(params);
  const request = { ...params, operationName: operation?.name?.value };
  return operation?.operation === 'subscription' ? subscribe(request, headers) : post(request, headers);
}

// chosenOperation reads the query again, because what GraphiQL knows of it, its
// operationName included, is a moment old and may be that of the tab just left.
function chosenOperation({ query, operationName }) {
  try {
    const operations = GraphiQL.GraphQL.parse(query).definitions.filter(({ kind }) => kind === 'OperationDefinition');
    return operations.length === 1 ? operations[0] : operations.find(({ name }) => name?.value === operationName);
  } catch {
    return undefined; // the server says what is wrong with it
  }
}

async function post(params, typed) {
  const headers = new Headers({
    'Content-Type': 'application/json',
    Accept: 'application/graphql-response+json, application/json',
  });
  for (const [name, value] of Object.entries(typed)) headers.set(name, value);

  const response = await fetch('/graphql', {
    method: 'POST',
    credentials: 'omit',
    headers,
    body: JSON.stringify(params),
  });
  const body = await response.text();
  try {
    return judge(JSON.parse(body));
  } catch {
    throw new Error(`${response.status} ${response.statusText}: ${body}`);
  }
}

// subscribe opens a socket for this one subscription, so that it always carries
// what the Headers tab says now. It does not reconnect: that would hide events
// missed in between.
function subscribe(params, typed) {
  const authorization = new Headers(typed).get('Authorization');
  const url = new URL('/graphql', location.origin);
  url.protocol = url.protocol.replace('http', 'ws');
  const client = graphqlWs.createClient({
    url: url.href,
    connectionParams: authorization === null ? {} : { authorization },
    retryAttempts: 0,
  });
  return {
    subscribe(observer) {
      const unsubscribe = client.subscribe(params, {
        next: (answer) => observer.next(judge(answer)),
        error: (reason) => observer.error(explain(reason)),
        complete: () => observer.complete(),
      });
      return { unsubscribe };
    },
  };
}

// explain turns what graphql-ws reports into something GraphiQL can show.
function explain(reason) {
  if (Array.isArray(reason)) return judge({ errors: reason }).errors;
  if (reason instanceof CloseEvent) {
    if (reason.code === 4401 || reason.code === 4403) signIn.hidden = false;
    return new Error(`The socket was closed: ${reason.code} ${reason.reason}`);
  }
  return reason instanceof Error ? reason : new Error('The socket could not be opened.');
}

// GraphiQL keeps its own state below this prefix.
const prefix = 'graphiql:';

const storage = {
  get length() {
    return sessionStorage.length;
  },
  getItem: (key) => sessionStorage.getItem(key),
  // GraphiQL's history remembers headers whatever it is told; an old token must
  // not come back with an old query.
  setItem: (key, value) =>
    sessionStorage.setItem(key, /:(queries|favorites)$/.test(key) ? withoutHeaders(value) : value),
  removeItem: (key) => sessionStorage.removeItem(key),
  clear() {
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith(prefix)) sessionStorage.removeItem(key);
    }
  },
};

function withoutHeaders(json) {
  return JSON.stringify(JSON.parse(json, (name, value) => (name === 'headers' ? undefined : value)));
}

// rememberActiveTab names the tab to reopen by its text, which is how GraphiQL
// finds it; otherwise a reload adds an empty tab.
function rememberActiveTab() {
  const { tabs, activeTabIndex } = JSON.parse(storage.getItem(prefix + 'tabState')) ?? {};
  const active = tabs?.[activeTabIndex];
  for (const part of ['query', 'variables']) {
    if (active?.[part]) storage.setItem(prefix + part, active[part]);
    else storage.removeItem(prefix + part);
  }
}

const defaultTabs = [
  {
    query: `# The team's inbox, as you may see it.
# Run it with the button on the right, or Ctrl-Enter.
# The next tabs go on from here.

query Inbox {
  asOf
  viewer {
    name
  }
  inboxCounts {
    mine
    unassigned
    all
    closed
    blocked
  }
  inbox(view: ALL, first: 20) {
    totalCount
    asOf
    nodes {
      id
      status
      version
      contact {
        name
        avatarUrl
      }
      assignee {
        id
        name
        availability
      }
      lastMessage {
        preview
      }
      lastActivityAt
      waitingSince
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  },
  {
    query: `# Who a conversation can be given to. The variables
# below may name someone: {"search": "ada"}

query Agents($search: String) {
  agents(search: $search, first: 20) {
    nodes {
      id
      name
      email
      avatarUrl
      availability
      active
      openConversations
    }
  }
}
`,
    variables: { search: null },
  },
  {
    query: `# Gives a conversation to an agent. Run the tabs to the
# left and copy two ids into the variables below:
#   conversationId: Inbox, inbox.nodes[0].id
#   assigneeId: Agents, agents.nodes[0].id

mutation Assign($input: AssignConversationInput!) {
  assignConversation(input: $input) {
    conversation {
      id
      version
      assignee {
        name
      }
    }
    events {
      id
      cursor
      __typename
    }
    userErrors {
      code
      message
      field
    }
  }
}
`,
    variables: { input: { conversationId: 'conv_...', assigneeId: 'agent_...' } },
  },
  {
    query: `# Shows who gets a conversation, as it happens.
# Start it, run Assign in a second window and watch.
# The same button stops it. What you miss meanwhile comes
# when you begin after the last cursor that you saw:
# assignmentChanged(after: "...").

subscription Subscribe {
  assignmentChanged {
    __typename
    cursor
    occurredAt
    actor {
      __typename
      ... on Agent {
        name
      }
    }
    conversation {
      id
      status
      assignee {
        name
      }
      contact {
        name
      }
    }
    ... on ConversationAssigned {
      from {
        name
      }
      to {
        name
      }
      reason
    }
    ... on ConversationUnassigned {
      from {
        name
      }
      reason
    }
  }
}
`,
  },
].map(({ query, variables }) => ({ query, variables: variables && JSON.stringify(variables, null, 2) }));

rememberActiveTab();

ReactDOM.createRoot(document.getElementById('playground')).render(
  React.createElement(
    GraphiQL,
    {
      fetcher,
      storage,
      defaultTabs,
      defaultQuery: '',
      defaultHeaders: JSON.stringify(defaultHeaders, null, 2),
      // The variables, because a token on the screen is one too many.
      defaultEditorToolsVisibility: 'variables',
      shouldPersistHeaders: false,
    },
    React.createElement(GraphiQL.Logo, null, 'Switchboard'),
  ),
);
