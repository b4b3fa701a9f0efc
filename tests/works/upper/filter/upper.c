/* Reads lines and writes them in upper case. It knows nothing of Sandmill. */
#include <ctype.h>
#include <stdio.h>

int main(void) {
    char line[1 << 16];
    while (fgets(line, sizeof line, stdin)) {
        for (char *c = line; *c; c++) *c = (char)toupper((unsigned char)*c);
        if (fputs(line, stdout) == EOF) return 1;
    }
    return ferror(stdin) ? 1 : 0;
}
