/* Tidies text: one blank between two words, none at the ends. Drops empty lines and comments, and puts a sentence on a
 * line of its own. Knows nothing of Sandmill: `cc tidy.c && ./a.out < notes.txt` does the same. */
#include <stdio.h>
#include <string.h>

int main(void) {
    static char line[1 << 16];
    while (fgets(line, sizeof line, stdin)) {
        if (strstr(line, "<script")) {
            fprintf(stderr, "no place for a script: %s", line);
            return 1;
        }
        char before = 0;
        for (char *word = line[0] == '#' ? NULL : strtok(line, " \t\r\n"); word; word = strtok(NULL, " \t\r\n")) {
            if (before) putchar(strchr(".!?", before) ? '\n' : ' ');
            fputs(word, stdout);
            before = word[strlen(word) - 1];
        }
        if (before) putchar('\n');
    }
    return 0;
}
