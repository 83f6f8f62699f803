/* SPDX-License-Identifier: Apache-2.0 */
/* How measurements that are not over go on. */
#pragma once
struct controller;
struct node;
struct task;

/* Open what the store holds unfinished. Tasks without a result are handed out again, same attempt: a
 * node that has the result already, or the task in its journal, answers from there. */
int resume_measurements(struct controller *);
/* For tasks.replace, arg = the controller: the node that a failed task goes to, the same one when
 * there is no other; NULL = it stays failed. `failure`: enum sonde_failure. */
struct node *resume_elsewhere(void *arg, const struct task *, unsigned failure);
