// SPDX-License-Identifier: Apache-2.0
/* Users: who may come over the network, and with what. */
#ifndef SIGNET_CONSOLE_USER_H
#define SIGNET_CONSOLE_USER_H

#include "remote.h"

extern const struct menu menu_user, menu_user_active;

#define USER_MENU     "/user"
#define USER_NAME_MAX 64
#define USER_STAMP    65 /* hexadecimal digits and a 0 */
#define USER_SHORTEST 8  /* password, characters */

struct user {
    int64_t id, certificate; /* 0: has none */
    char *name, *verifier, *address,
        *fingerprint; /* of its certificate; may be NULL, as the others but name */
    enum remote_group group;
    int is_disabled;
};

/* By id, or by name. Returns 0 if there is none, and says nothing. The caller clears it in any case. */
int user_get(struct console *console, int64_t id, struct user *user);
int user_find(struct console *console, const char *name, struct user *user);
void user_clear(struct user *user);
/* Changes with whatever decides on the user. */
int user_stamp(struct console *console, const struct user *user, char stamp[USER_STAMP]);

/* Checks {"name", "password", "certificate", "address", "service"}: a password, or (without a name) the
 * fingerprint of a client's certificate. Tells name, group and stamp. Returns 0 after it has said and logged
 * that, but not to the client why, it is refused. */
int user_login(struct console *console, const json_t *login, json_t *told);

#endif
