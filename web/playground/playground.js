'use strict';

// Each browser tab acts as one person: the token, and what is written in the
// editors, live in sessionStorage. It survives a reload, lets two tabs be two
// agents, and leaves neither token nor customer data on the disk of a shared
// computer, as localStorage would.
const tokenKey = 'switchboard:token';
const connectorKey = 'switchboard:connector';

// takeTokens moves the tokens from the address to the session, so that they stay
// out of the history, of bookmarks and of screenshots. The fragment is never
// sent to a server. It reports whether there was a token.
function takeTokens() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!given.has('token')) return false;
  sessionStorage.setItem(tokenKey, given.get('token'));
  if (given.has('connector')) sessionStorage.setItem(connectorKey, given.get('connector'));
  else sessionStorage.removeItem(connectorKey);
  history.replaceState(null, '', location.pathname + location.search);
  return true;
}

takeTokens();
const token = sessionStorage.getItem(tokenKey);
const connector = sessionStorage.getItem(connectorKey);
const defaultHeaders = token ? { Authorization: `Bearer ${token}` } : {};

// Opening another printed address in the same tab only changes the fragment.
addEventListener('hashchange', () => {
  if (takeTokens()) location.reload();
});

// openAnother opens a second window with the same tokens, which the address bar no
// longer shows.
function openAnother() {
  const tokens = new URLSearchParams({ token, ...(connector && { connector }) });
  open(`${location.pathname}#${tokens}`, '_blank', 'noopener');
}

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
  if (operation?.operation === 'subscription') return subscribe(request, headers);
  return post(request, customerWrites(operation) ? asConnector(headers) : headers);
}

// customerWrites reports whether an operation is one that only connectors may send.
function customerWrites(operation) {
  const verbs = ['receiveMessage', 'recordBusinessEvent'];
  return operation?.operation === 'mutation' && operation.selectionSet.selections.every((field) => verbs.includes(field.name?.value));
}

// asConnector puts the connector's token in place of the one this page was opened with. A
// token that somebody typed stays.
function asConnector(headers) {
  const typed = new Headers(headers).get('Authorization') !== defaultHeaders.Authorization;
  return typed || !connector ? headers : { ...headers, Authorization: `Bearer ${connector}` };
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

async function post(params, typed, signal) {
  const headers = new Headers({
    'Content-Type': 'application/json',
    Accept: 'application/graphql-response+json, application/json',
  });
  for (const [name, value] of Object.entries(typed)) headers.set(name, value);

  const response = await fetch('/graphql', {
    method: 'POST',
    credentials: 'omit',
    headers,
    signal,
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

// examples asks the server for ids that the tabs can begin with: a conversation, preferably
// one that nobody has, its contact's identity, and an agent to give it to. Without an
// answer the tabs say what to fill in.
async function examples() {
  const placeholders = {
    conversationId: 'the id of a conversation, from Inbox',
    assigneeId: 'the id of an agent, from Agents',
    contact: { channel: 'chat', externalId: 'maria', name: 'Maria' },
  };
  if (!token) return placeholders;
  try {
    const { data } = await post({ query: examplesQuery }, defaultHeaders, AbortSignal.timeout(3000));
    const conversation = data.unassigned.nodes[0] ?? data.all.nodes[0];
    const others = data.agents.nodes.filter(({ id }) => id !== data.viewer?.id);
    const identity = conversation?.contact.identities[0];
    return {
      conversationId: conversation?.id ?? placeholders.conversationId,
      assigneeId: (others[0] ?? data.viewer)?.id ?? placeholders.assigneeId,
      contact: identity ? { channel: identity.channel, externalId: identity.externalId } : placeholders.contact,
    };
  } catch {
    return placeholders; // running a tab says what the matter is
  }
}

const examplesQuery = `query Examples {
  viewer { id }
  unassigned: inbox(view: UNASSIGNED, first: 1) { nodes { ...Example } }
  all: inbox(view: ALL, first: 1) { nodes { ...Example } }
  agents(first: 20) { nodes { id } }
}
fragment Example on Conversation { id contact { identities { channel externalId } } }`;

const tabsWith = ({ conversationId, assigneeId, contact }) => [
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
    query: `# Who a conversation can be assigned to. The variables
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
    query: `# Assigns a conversation to an agent. The variables
# below name one of each. The tabs Inbox and Agents
# have the ids of others.

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
    variables: { input: { conversationId, assigneeId } },
  },
  {
    query: `# Shows what happens to the open conversations, live.
# Start it, open a second window with the button at the top
# right, and run Assign or A customer writes in that one.
# The same button stops it. To get what happened meanwhile,
# subscribe after the last cursor that you saw:
# inboxChanged(view: ALL, after: "...").

subscription Subscribe {
  inboxChanged(view: ALL) {
    kind
    cursor
    conversation {
      id
      contact {
        name
      }
      assignee {
        name
      }
    }
    event {
      __typename
      occurredAt
      actor {
        __typename
        ... on Agent {
          name
        }
        ... on Contact {
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
      ... on MessageReceived {
        message {
          preview
        }
      }
    }
  }
}
`,
  },
  {
    query: `# Brings in a message of a customer, as a connector to
# mail or chat does. Agents may not do that, so this page
# sends it with the connector's token that the server
# printed. Where it printed none, make one with
# switchboard token create --scope integration and put it
# into Headers below.

mutation CustomerWrites($input: ReceiveMessageInput!) {
  receiveMessage(input: $input) {
    message {
      id
      body
    }
    conversation {
      id
      status
      assignee {
        name
      }
    }
    contact {
      id
      name
    }
    events {
      __typename
    }
    userErrors {
      code
      message
    }
  }
}
`,
    variables: { input: { sender: { contact }, body: 'Hello, is anybody there?' } },
  },
].map(({ query, variables }) => ({ query, variables: variables && JSON.stringify(variables, null, 2) }));

// nameTabs gives tabs names with spaces: GraphiQL calls a tab after its operation.
const tabNames = { CustomerWrites: 'A customer writes' };

function nameTabs() {
  for (const { firstChild } of document.querySelectorAll('.graphiql-tab-button')) {
    if (tabNames[firstChild?.data]) firstChild.data = tabNames[firstChild.data];
  }
}

// LineWrapping breaks long lines, comments above all, instead of cutting them off.
function LineWrapping() {
  const { queryEditor, variableEditor } = GraphiQL.React.useEditorContext();
  React.useEffect(() => {
    for (const editor of [queryEditor, variableEditor]) editor?.setOption('lineWrapping', true);
  }, [queryEditor, variableEditor]);
  return null;
}

async function render() {
  rememberActiveTab();
  const playground = document.getElementById('playground');
  new MutationObserver(nameTabs).observe(playground, { childList: true, characterData: true, subtree: true });
  const { createElement } = React;
  ReactDOM.createRoot(playground).render(
    createElement(
      GraphiQL,
      {
        fetcher,
        storage,
        defaultTabs: tabsWith(await examples()),
        defaultQuery: '',
        defaultHeaders: JSON.stringify(defaultHeaders, null, 2),
        // The variables, because a token on the screen is one too many.
        defaultEditorToolsVisibility: 'variables',
        shouldPersistHeaders: false,
      },
      createElement(
        GraphiQL.Logo,
        null,
        'Switchboard',
        token && createElement('button', { id: 'another', type: 'button', onClick: openAnother }, 'Second window'),
        createElement(LineWrapping),
      ),
    ),
  );
}

render();
