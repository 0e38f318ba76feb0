/* SPDX-License-Identifier: Apache-2.0 */
/* The style and the script of the page that --html writes: assess.css and assess.js, line by line, which the build
 * makes into C. */
#ifndef LIFTFS_TOOLS_ASSESS_PAGE_H
#define LIFTFS_TOOLS_ASSESS_PAGE_H

extern const char *const assess_css[]; /* each with its newline; NULL ends them */
extern const char *const assess_js[];

#endif
