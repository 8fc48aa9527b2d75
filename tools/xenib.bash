# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of the command xenib in bash. Options are what its help says.

_xenib_words()
{
	local command=$1 previous=$2 current=$3

	case $previous in
	--hca)
		ls /sys/class/infiniband
		;;
	--guid)
		echo auto sm shared
		;;
	--node-guid)
		echo auto shared
		;;
	--mad-pm)
		echo on off
		;;
	--*)
		# Another option's value, or one that has none
		xenib help "$command" | grep -qE -- "$previous +([A-Z]|\[)" ||
			_xenib_words "$command" "" "$current"
		;;
	*)
		if [[ $current == -* ]]; then
			xenib help "$command" |
				grep -oE '(^|  |, )--[a-z-]+' | tr -d ' ,'
		elif [[ $command == help ]]; then
			xenib help | sed -n 's/^  \([a-z]*\) .*/\1/p'
		else
			# Not dom0, nor a domain that has no name yet
			xl list | awk 'NR > 1 && $2 > 0 && !/^\(/ { print $1 }'
		fi
		;;
	esac 2>/dev/null
}

_xenib()
{
	local current=${COMP_WORDS[COMP_CWORD]} words

	if ((COMP_CWORD == 1)); then
		words="$(_xenib_words help "" "") --help --version"
	else
		words=$(_xenib_words "${COMP_WORDS[1]}" \
			"${COMP_WORDS[COMP_CWORD - 1]}" "$current")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _xenib xenib
