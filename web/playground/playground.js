'use strict';

// The tokens and the texts of the editors are kept in sessionStorage: they survive a reload,
// and each browser tab can act as another agent. Unlike localStorage it leaves no token or
// customer data on the disk of a shared computer.
const tokenKey = 'switchboard:token';
const connectorKey = 'switchboard:connector';

// takeTokens moves the tokens from the fragment of the address to sessionStorage, so that they
// do not appear in the history, bookmarks or screenshots. Browsers never send the fragment to a
// server. It reports whether the address had a token.
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

// An address with another token differs only in the fragment, so opening it in the same tab does
// not load the page again.
addEventListener('hashchange', () => {
  if (takeTokens()) location.reload();
});

// openAnother opens a second window with the same tokens. A user cannot copy the address for it,
// because the address bar no longer shows the tokens.
function openAnother() {
  const tokens = new URLSearchParams({ token, ...(connector && { connector }) });
  open(`${location.pathname}#${tokens}`, '_blank', 'noopener');
}

const signIn = document.getElementById('sign-in');
signIn.hidden = Boolean(token);

// showSignIn shows how to get a token if the answer is UNAUTHENTICATED, hides it otherwise, and
// returns the answer.
function showSignIn(answer) {
  const refused = answer?.errors?.some((error) => error.extensions?.code === 'UNAUTHENTICATED');
  signIn.hidden = !refused;
  return answer;
}

// fetcher sends GraphiQL's operations. An empty Headers tab stands for the token that this page
// was opened with, `{}` for no token.
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

// asConnector replaces the token that this page was opened with by the connector's. A token that
// the user typed is kept.
function asConnector(headers) {
  const typed = new Headers(headers).get('Authorization') !== defaultHeaders.Authorization;
  return typed || !connector ? headers : { ...headers, Authorization: `Bearer ${connector}` };
}

// chosenOperation returns the operation that is to be run. It parses the query itself, because
// GraphiQL's operationName is updated late and may still be that of the previous tab.
function chosenOperation({ query, operationName }) {
  try {
    const operations = GraphiQL.GraphQL.parse(query).definitions.filter(({ kind }) => kind === 'OperationDefinition');
    return operations.length === 1 ? operations[0] : operations.find(({ name }) => name?.value === operationName);
  } catch {
    return undefined; // the server reports the syntax error
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
    return showSignIn(JSON.parse(body));
  } catch {
    throw new Error(`${response.status} ${response.statusText}: ${body}`);
  }
}

// subscribe opens a socket for each subscription, so that it uses the current Headers tab. It
// does not reconnect, because that would hide that events were missed meanwhile.
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
        next: (answer) => observer.next(showSignIn(answer)),
        error: (reason) => observer.error(explain(reason)),
        complete: () => observer.complete(),
      });
      return { unsubscribe };
    },
  };
}

// explain turns an error of graphql-ws into one that GraphiQL can show.
function explain(reason) {
  if (Array.isArray(reason)) return showSignIn({ errors: reason }).errors;
  if (reason instanceof CloseEvent) {
    if (reason.code === 4401 || reason.code === 4403) signIn.hidden = false;
    return new Error(`The socket was closed: ${reason.code} ${reason.reason}`);
  }
  return reason instanceof Error ? reason : new Error('The socket could not be opened: see whether the server is running.');
}

// prefix begins the storage keys of GraphiQL's own state.
const prefix = 'graphiql:';

const storage = {
  get length() {
    return sessionStorage.length;
  },
  getItem: (key) => sessionStorage.getItem(key),
  // GraphiQL's history stores headers despite shouldPersistHeaders: false; without this, running
  // an old query would use an old token.
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

// rememberActiveTab stores the text of the active tab, by which GraphiQL finds it after a reload.
// Without it a reload adds an empty tab.
function rememberActiveTab() {
  const { tabs, activeTabIndex } = JSON.parse(storage.getItem(prefix + 'tabState')) ?? {};
  const active = tabs?.[activeTabIndex];
  for (const part of ['query', 'variables']) {
    if (active?.[part]) storage.setItem(prefix + part, active[part]);
    else storage.removeItem(prefix + part);
  }
}

// examples returns ids for the variables of the tabs: a conversation, preferably an unassigned
// one, an identity of its contact, and an agent to assign it to. If the server does not answer,
// it returns placeholders that describe what to fill in.
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
    return placeholders; // the error appears when the user runs a tab
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
    query: `# The team's inbox: its counts and its conversations.
# Run it with the button on the right, or Ctrl-Enter.
# The next tabs work with these conversations.

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
    query: `# The agents a conversation can be assigned to. Search
# by name with the variables below: {"search": "ada"}

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
# below hold their ids. Run the tabs Inbox and Agents
# for the ids of others.

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
    query: `# Shows changes of the open conversations as they happen.
# Start it, open a second window with the button at the top
# right, and run Assign or A customer writes there.
# The start button also stops it. To receive the changes
# that you missed, subscribe after the last cursor you saw:
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
    query: `# Brings in a customer's message, as a connector to mail
# or chat does. Agents may not do that, so this page uses
# the connector's token if the server printed one. If not,
# create one with
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

// tabNames maps operations to the titles of their tabs. GraphiQL's own title of a tab is the name
// of its operation, which cannot contain spaces.
const tabNames = { CustomerWrites: 'A customer writes' };

function nameTabs() {
  for (const { firstChild } of document.querySelectorAll('.graphiql-tab-button')) {
    if (tabNames[firstChild?.data]) firstChild.data = tabNames[firstChild.data];
  }
}

// LineWrapping makes the editors wrap long lines, such as comments, instead of clipping them.
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
        // Not the headers, because they hold a token.
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
