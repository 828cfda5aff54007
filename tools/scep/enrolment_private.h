// SPDX-License-Identifier: Apache-2.0
/* Between enrolment.c and enrolment_run.c. */
#ifndef SIGNET_SCEP_ENROLMENT_PRIVATE_H
#define SIGNET_SCEP_ENROLMENT_PRIVATE_H

#include "client.h"
#include "enrolment.h"

#include <limits.h>

/* An entry while it is worked on. */
struct enrol_run {
    struct managed_host *host;
    int64_t id;
    char menu[64];
    struct store_cert *certificate; /* or template */
    struct scep_client *client;
    char key[64];  /* the name of the new one */
    char *pinned;  /* ca-fingerprint */
    char seen[65]; /* of the CA */
    char error[512];
    char bundle[PATH_MAX]; /* of roots, for https */
};

/* ---- enrolment.c: the entry's settings; names as in the menu ---- */

/* The caller's. */
char *enrol_get(struct enrol_run *run, const char *name, const char *initial);
int64_t enrol_get_number(struct enrol_run *run, const char *name);
int enrol_is(struct enrol_run *run, const char *name, const char *initial, const char *wanted);
/* An empty value, or 0, takes it away. */
int enrol_set(struct enrol_run *run, const char *name, const char *value);
int enrol_set_number(struct enrol_run *run, const char *name, int64_t n);
/* Reports and remembers; returns 0. */
int enrol_raise(struct enrol_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sets menu and key from id. */
void enrol_name_key(struct enrol_run *run);

/* ---- enrolment_run.c ---- */

/* Returns 0 if its certificate is gone; enrol_end in any case. */
int enrol_begin(struct enrol_run *run, struct managed_host *host, int64_t id);
void enrol_end(struct enrol_run *run);
/* Asks whether the CA has a successor now. What goes wrong is reported, and no failure: it is asked again. */
void enrol_look(struct enrol_run *run);

#endif
