/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The version of xenib as a whole: of both modules, the library, the command
 * and the packages. tests/test_version.py knows who repeats it.
 */
#ifndef XENIB_VERSION_H
#define XENIB_VERSION_H

#define XENIB_VERSION	"0.1.0"

#endif
