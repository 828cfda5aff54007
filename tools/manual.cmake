# SPDX-License-Identifier: Apache-2.0
# Puts the menus into the manual page.
cmake_minimum_required(VERSION 3.25)
file(READ ${IN} page)
file(READ ${MENUS} menus)
string(REPLACE "@MENUS@\n" "${menus}" page "${page}")
file(WRITE ${OUT} "${page}")
