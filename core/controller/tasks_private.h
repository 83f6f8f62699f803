/* SPDX-License-Identifier: Apache-2.0 */
/* What tasks.c and slots.c share. */
#pragma once
#include "controller/tasks.h"

void task_list_add(struct task_list *, struct task *);
void task_list_remove(struct task_list *, struct task *);
/* The task as it is sent; texts point into the measurement's record. */
void task_fill(const struct task *, struct sonde_msg_task *);
/* End it with a result of the controller's own. */
void task_close(struct tasks *, struct task *, unsigned failure, const char *why);
