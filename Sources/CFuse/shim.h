#pragma once
// 312 makes fuse_session_loop_mt a real function instead of a macro.
#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>
