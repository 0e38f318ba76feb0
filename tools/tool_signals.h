/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a program that a signal stopped; the beginning is tool_catch_signals() in tool.h. */
#ifndef LIFTFS_TOOLS_TOOL_SIGNALS_H
#define LIFTFS_TOOLS_TOOL_SIGNALS_H

/* After a SIGINT: ends by SIGINT, so that a shell's loop stops too, and does not return.  Else nothing. */
void tool_signals_end(void);

#endif
