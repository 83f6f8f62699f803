/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the policies' API share. */
#pragma once
struct controller;
struct sonde_error;
struct sonde_req;

/* 422: the text does not compile, or a test of its own failed. */
void answer_policy_invalid(struct controller *, struct sonde_req *, const struct sonde_error *);
