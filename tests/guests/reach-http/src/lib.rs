//! A guest that can be told to send requests: see the verbs in `reach`.

reach::guest!(itself, http);
