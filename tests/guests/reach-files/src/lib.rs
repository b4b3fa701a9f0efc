//! A guest that can be told to use files: see the verbs in `reach`.

reach::guest!(itself, files);
