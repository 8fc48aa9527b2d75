// SPDX-License-Identifier: GPL-2.0-only
/* The providers that this module has. The unit tests have another list. */

#include "mlx4/mlx4.h"

const struct ibback_hca_ops *const ibback_providers[] = {
	&ibback_mlx4_ops,
	NULL
};
