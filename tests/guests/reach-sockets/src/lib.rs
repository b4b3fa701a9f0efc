//! A guest that can be told to open a socket: see the verbs in `reach`.

reach::guest!(itself, sockets);
