//! A guest that can be told to read its variables, and to tell them: see the verbs in `reach`.

reach::guest!(itself, env);
