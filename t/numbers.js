export const counters=new Map();export function apply(){}
export function show(){}