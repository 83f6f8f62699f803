/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde-node doctor`: whether a node can run on this machine, before it is enrolled and after; one
 * line each (base/finding.h). It changes nothing, and sends nothing but what a starting node sends: the
 * lookup of a name, one request to the controller, the connections to the uplink targets. */
#pragma once

/* argv: what follows "doctor", the options of the node. 0, or 1 when a line says FAIL. */
int sonde_node_doctor(int argc, char **argv);
