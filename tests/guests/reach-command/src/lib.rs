//! A guest that can be told to end its process, and to print: see the verbs in `reach`.

reach::guest!(itself, command);
